"""`tocsin dump`: what is configured, as the files that `tocsin apply` reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tocsin.cli.shared import Json, say, show_json
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError
from tocsin.files.queries import everything
from tocsin.files.rules.kinds import KINDS
from tocsin.files.rules.writing import as_yaml, dumped

app = App(name="dump", help="Write what is configured as files for `tocsin apply`.")


@app.default
def run(
    folder: Annotated[Path | None, Parameter(help="For one file of each kind; else all to standard output.")] = None,
    /,
    *,
    only: Annotated[list[str] | None, Parameter(negative="", help=f"Only these kinds: {', '.join(KINDS)}.")] = None,
    name_secrets: Annotated[
        bool,
        Parameter(negative="", help="Name an environment variable for each secret, to set up another installation."),
    ] = False,
    json: Json = False,
) -> None:
    """Holds no secret. Left out: what has its default, simulated accounts, silences that are over, tokens, proofs.

    A secret that is left out stays as it is when the file is applied here; another installation needs --name-secrets.
    """
    if unknown := sorted(set(only or ()) - KINDS.keys()):
        raise InvalidInputError({"only": f"knows no {', '.join(unknown)}; it knows {', '.join(KINDS)}"})
    state = {key: items for key, items in everything(utc_now()).items() if not only or key in only}
    dump = dumped(state, names_secrets=name_secrets)
    if json:
        show_json(dump.document)
    elif folder is None:
        sys.stdout.write(as_yaml(dump.document))
    else:
        folder.mkdir(parents=True, exist_ok=True)
        gone = [key for key in state if key not in dump.document and (folder / f"{key}.yaml").exists()]
        for key, listed in {**dump.document, **dict.fromkeys(gone, ())}.items():  # an earlier dump had some of those
            file = folder / f"{key}.yaml"
            file.touch(mode=0o600)
            file.write_text(as_yaml({key: listed}), encoding="utf-8")
            say(f"{file}: {len(listed)}")
    for variable in dump.variables:
        sys.stderr.write(f"{variable} stands for a secret; set it before the files are applied.\n")
