"""`tocsin schema`: the JSON Schema of the files, for editors."""

from __future__ import annotations

from cyclopts import App

from tocsin.cli.shared import Json, show_json
from tocsin.files.rules.schema import json_schema

app = App(name="schema", help="Print the JSON Schema of the files, for editors.")


@app.default
def run(*, json: Json = False) -> None:
    """Draft 2020-12, always JSON. In a file: `# yaml-language-server: $schema=tocsin.schema.json`."""
    show_json(json_schema())
