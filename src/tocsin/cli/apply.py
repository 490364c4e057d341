"""`tocsin apply -f FILE|DIR`: what is configured, out of files under version control."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from tocsin.cli.shared import Json, counted, fail, say, show_json
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError
from tocsin.files.rules.reading import Entry, FilesError, read_files
from tocsin.files.rules.shapes import Problem, SecretRef
from tocsin.files.rules.state import Change
from tocsin.files.services import Report, apply_files

app = App(name="apply", help="Make the installation as files say, and change nothing else.")

_SIGNS = {Change.CREATED: "+", Change.CHANGED: "~", Change.DELETED: "-"}
_SHORT = 200
_LONGEST_SECRET = 64 * 1024


@app.default
def run(
    *,
    file: Annotated[
        list[Path],
        Parameter(
            name=["--file", "-f"],
            negative="",
            allow_leading_hyphen=True,
            help="YAML, a folder of it, or - for standard input.",
        ),
    ],
    dry_run: Annotated[
        bool, Parameter(negative="", help="Show the difference and change nothing; exit code 3 when there is one.")
    ] = False,
    prune: Annotated[
        bool,
        Parameter(
            negative="",
            help="Also delete what the files do not name, of the kinds that they have, after a confirmation.",
        ),
    ] = False,
    yes: Annotated[bool, Parameter(negative="", help="Do not ask before --prune deletes.")] = False,
    json: Json = False,
) -> None:
    """Checks everything first, shows the difference, and writes it in one transaction. The same again changes nothing.

    Exit code 0 when the installation is as the files say, 1 when something is wrong (nothing is written then), 3 when
    --dry-run found a difference. Secrets are named by {env: VARIABLE} or {file: PATH}, relative to the file.
    """
    try:
        report = _applied(read_files(_texts(file)), dry_run=dry_run, prune=prune, yes=yes, json=json)
    except FilesError as error:
        _refuse(error, json)
    if json:
        show_json(as_json(report))
    else:
        _sum_up(report)
    if dry_run and report.differences:
        sys.exit(3)


def secret_of(entry: Entry, reference: SecretRef) -> str:
    """InvalidInputError on "" with the way out."""
    if reference.env:
        value = os.environ.get(reference.env, "")
        if not value:
            text = f"the environment has no {reference.env}; set it, or leave the line out to keep what is stored"
            raise InvalidInputError({"": text})
        return value
    path = Path(entry.file).parent / reference.file
    try:
        if path.stat().st_size > _LONGEST_SECRET:
            raise InvalidInputError({"": f"{path} is too long for a secret"})
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no text"
        raise InvalidInputError({"": f"{path}: {reason}"}) from error


def as_json(report: Report) -> dict[str, Any]:
    return {
        "written": report.is_done and bool(report.differences),
        "changes": [
            {
                "kind": found.kind,
                "name": found.name,
                "change": found.change.value,
                "fields": {name: {"from": _plain(old), "to": _plain(new)} for name, (old, new) in found.fields.items()},
            }
            for found in report.differences
        ],
        "notes": list(report.notes),
        "tokens": dict(report.tokens),
    }


def _texts(paths: Iterable[Path]) -> dict[str, str]:
    """File -> text; of a folder its files that end in .yaml, .yml or .json, also in folders inside, by name."""
    texts: dict[str, str] = {}
    for path in paths:
        if str(path) == "-":
            texts["<stdin>"] = sys.stdin.read()
            continue
        found = [path]
        if path.is_dir():
            found = sorted(
                file for file in path.rglob("*") if file.suffix in (".yaml", ".yml", ".json") and file.is_file()
            )
        for file in found:
            try:
                texts[str(file)] = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                reason = (error.strerror or "") if isinstance(error, OSError) else "is not UTF-8"
                raise FilesError([Problem(str(file), 0, "", reason)]) from error
    if not texts:
        raise FilesError([Problem(", ".join(map(str, paths)), 0, "", "there is no .yaml, .yml or .json file")])
    return texts


def _applied(entries: list[Entry], *, dry_run: bool, prune: bool, yes: bool, json: bool) -> Report:
    """What --prune would delete is shown before anybody is asked, and what was shown is what is done."""
    with _bar(shows=not json) as tell:
        write = partial(
            apply_files, by=SHELL, now=utc_now(), entries=entries, secret_of=secret_of, prunes=prune, tell=tell
        )
        report = write(is_trial=dry_run or prune)
    if not json:
        _show(report)
    if not prune or dry_run or not report.differences:
        return report
    if not (yes or _agreed(report, json)):
        fail("Nothing was written.")
    return write(expected=report.differences)


def _show(report: Report) -> None:
    for found in report.differences:
        say(f"{_SIGNS[found.change]} {found.noun} {found.name}")
        for name, (old, new) in found.fields.items():
            if found.change is Change.CREATED:
                if name != "name":
                    say(f"    {name}: {_short(new)}")
            else:
                say(f"    {name}: {_short(old)} -> {_short(new)}")
    for note in report.notes:
        say(f"! {note}")


def _agreed(report: Report, json: bool) -> bool:
    deleted = sum(found.change is Change.DELETED for found in report.differences)
    if not deleted:
        return True
    if json or not sys.stdin.isatty():
        fail(f"{deleted} would be deleted; --yes says that this is meant. Nothing was written.")
    sys.stderr.write(f"Delete {deleted}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _sum_up(report: Report) -> None:
    if not report.differences:
        say("No changes.")
        return
    counts = {change: sum(found.change is change for found in report.differences) for change in Change}
    told = ", ".join(f"{count} {change.value}" for change, count in counts.items() if count)
    say(f"{told}." if report.is_done else f"Would be {told}. Nothing was written.")
    for name, token in report.tokens.items():
        say(f"Token of the integration {name}, shown this once: {token}")


def _refuse(error: FilesError, json: bool) -> NoReturn:
    if json:
        problems = [
            {"file": one.file, "line": one.line, "place": one.place, "problem": one.text} for one in error.problems
        ]
        show_json({"written": False, "problems": problems})
    for problem in error.problems:
        sys.stderr.write(f"{problem}\n")
    fail(f"{counted(len(error.problems), 'problem')}; nothing was written.")


@contextmanager
def _bar(*, shows: bool) -> Iterator[Callable[[str, int, int], None]]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=not (shows and console.is_terminal), transient=True) as progress:
        tasks: dict[str, Any] = {}

        def tell(noun: str, done: int, total: int) -> None:
            if noun not in tasks:
                tasks[noun] = progress.add_task(noun, total=total)
            progress.update(tasks[noun], completed=done)

        yield tell


def _plain(value: Any) -> Any:
    """JSON without secrets: what stands for one says ***."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, str | int | float | bool) else repr(value)


def _short(value: Any) -> str:
    text = repr(_plain(value)) if isinstance(value, Mapping | list) else "-" if value in ("", None) else str(value)
    return text if len(text) <= _SHORT else text[:_SHORT] + "..."
