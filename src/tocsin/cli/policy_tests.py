"""`tocsin test FILE`: whether the policies tell whom a file says they do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tocsin.cli.shared import Json, read_yaml, say, show_json
from tocsin.core.clock import utc_now
from tocsin.delivery.policy_tests import parse_tests, run_tests
from tocsin.policies.drafts import parse_drafts

app = App(name="test", help="Check that policies tell whom a file says they do.")


@app.default
def run(
    file: Annotated[Path, Parameter(help="YAML with a list `tests`; docs/policies.md shows one.")],
    /,
    *,
    draft: Annotated[
        Path | None, Parameter(help="YAML with a list `policies`: tested instead of those in force.")
    ] = None,
    json: Json = False,
) -> None:
    """Nothing is stored or sent. Exit code 0 when every test holds, 3 when one does not, 1 when the file is wrong."""
    tests = parse_tests(read_yaml(file), utc_now())
    results = run_tests(tests, parse_drafts(read_yaml(draft)) if draft is not None else None)
    failed = [result for result in results if result.problems]
    if json:
        show_json(
            [
                {"name": result.test.name, "at": result.test.at, "holds": not result.problems,
                 "problems": list(result.problems)}
                for result in results
            ]
        )  # fmt: skip
    else:
        for result in results:
            say(f"{'fails' if result.problems else 'holds'}  {result.test.name}")
            for problem in result.problems:
                say(f"       {problem}")
        say(f"{len(results) - len(failed)} of {len(results)} hold.")
    sys.exit(3 if failed else 0)
