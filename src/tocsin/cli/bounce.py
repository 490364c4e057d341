"""`tocsin bounce`: what a mail server hands over."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import App, Parameter

from tocsin.cli.shared import say
from tocsin.core.clock import utc_now
from tocsin.delivery.bounces import take_bounce

app = App(name="bounce", help="Take a mail that came back to a return address.")

_LARGEST = 1 << 20


@app.default
def take(
    *, to: Annotated[str, Parameter(help="Its envelope recipient; the headers of the mail say it otherwise.")] = ""
) -> None:
    """Reads the mail from standard input, as a pipe of Postfix gives it. Exit code 75: not now, hand it over again."""
    mail = sys.stdin.buffer.read(_LARGEST)
    while sys.stdin.buffer.read(_LARGEST):
        pass  # who hands over more must not fail at that
    if not take_bounce(mail, recipient=to, now=utc_now()):
        # Nothing that a mail server could mend: another exit code would have it write to a sender who may be made up.
        say("This is of no message of ours.")
