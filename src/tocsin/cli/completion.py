"""`tocsin completion`: what the Tab key completes."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tocsin.cli.root import app as whole
from tocsin.cli.shared import Json, set_up_django, show_json

app = App(name="completion", help="Print what makes a shell complete commands with Tab.")


@app.default
def run(
    shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="Which shell reads it.")], /, *, json: Json = False
) -> None:
    """bash: `tocsin completion bash > ~/.local/share/bash-completion/completions/tocsin`; zsh: into a file `_tocsin` of
    a folder in `fpath`; fish: into `~/.config/fish/completions/tocsin.fish`. Make it again after an update.
    """
    set_up_django(is_first_use=False)  # every command is looked at
    script = whole.generate_completion(shell=shell)
    if json:
        show_json({"shell": shell, "script": script})
    else:
        sys.stdout.write(script)
