"""`tocsin secrets`: care for what is stored encrypted."""

from __future__ import annotations

import sys
from dataclasses import asdict

from cyclopts import App

from tocsin.channels.reencrypting import reencrypt_everything
from tocsin.cli.shared import Json, counted, say, show_json

app = App(name="secrets", help="Care for what is stored encrypted: credentials, addresses, second factors.")


@app.command
def reencrypt(*, json: Json = False) -> None:
    """Encrypt every stored secret with the first key of TOCSIN_SECRET_KEY, so that the old ones can be taken away.

    Exit code 3 when no key opens some of them: they stay as they are.
    """
    done = reencrypt_everything()
    lost = [item for item in done if item.unreadable]
    if json:
        show_json([asdict(item) for item in done])
    else:
        say(f"{counted(sum(item.changed for item in done), 'secret')} encrypted anew.")
        for item in lost:
            say(f"{item.column}: no key opens {counted(item.unreadable, 'secret')}.")
        if not lost:
            say("Every stored secret is under the first key. What still needs an older one is gone within a day.")
    sys.exit(3 if lost else 0)
