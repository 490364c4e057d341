"""The `tocsin` command: every group of commands, in one table."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from difflib import get_close_matches

from cyclopts import App
from cyclopts.exceptions import CycloptsError

from tocsin.cli.groups import GROUPS
from tocsin.cli.root import app
from tocsin.cli.shared import (
    database_running,
    exit_on_expected_errors,
    fail,
    require_installation,
    set_up_django,
    use_noted_address,
)

_HELP = ("--help", "-h", "--version")


def main(arguments: Sequence[str] | None = None) -> None:
    """Exit codes: 0 done, 1 (or its group's) refused or failed with one line on stderr, 2 wrong usage.

    A group's module is imported when it is called, after Django is set up where the group needs the database.
    """
    _open_standard_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    group = GROUPS.get(words[0]) if words else None
    if group is None and words and words[0] not in _HELP:
        meant = "".join(f" Did you mean `tocsin {name}`?" for name in get_close_matches(words[0], GROUPS, n=1))
        fail(f"There is no command {words[0]!r}.{meant} There are: {', '.join(GROUPS)}.", code=2)
    subcommand = words[1] if len(words) > 1 else ""
    is_bare = group is not None and subcommand in group.bare
    with exit_on_expected_errors(group.failed if group is not None else 1):
        if group is not None and group.needs_database:
            needs_installation = not is_bare and not set(words) & set(_HELP)
            if needs_installation and subcommand not in group.founding:
                require_installation()
            use_noted_address()
            set_up_django(is_first_use=needs_installation)
        try:
            command, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
        except CycloptsError as error:
            words = ["tocsin", *(error.command_chain or ()), "--help"]
            fail(f"{' '.join(str(error).split())} `{' '.join(words)}` shows what it takes.", code=2)
        is_help = isinstance(getattr(command, "__self__", None), App)
        needs_database = group is not None and group.needs_database and not is_bare and not is_help
        with database_running(words[0]) if needs_database else nullcontext():
            command(*bound.args, **bound.kwargs)


def _open_standard_streams() -> None:
    """One that was closed would give its number to the next file opened, and what a library prints would go there."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w"))
