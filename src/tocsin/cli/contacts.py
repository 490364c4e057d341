"""`tocsin contacts`: many at once, out of a file and into one."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number
from django.conf import settings
from django.db import transaction
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tocsin.cli.shared import Json, counted, fail, say, show, show_json
from tocsin.contacts.import_models import ContactImport
from tocsin.contacts.import_texts import problem_text
from tocsin.contacts.models import Contact, ContactGroup
from tocsin.contacts.queries import SentLink, personal_links_of
from tocsin.contacts.queries.importing import RowView, emptied_groups, row_view, rows_of, uses_losing_phone
from tocsin.contacts.queries.listing import NumberState, Wanted, contacts_found
from tocsin.contacts.rules.importing import Fate, ImportOptions, ImportState
from tocsin.contacts.services import revoke_personal_links
from tocsin.contacts.services.exporting import export_contacts
from tocsin.contacts.services.import_holding import holding
from tocsin.contacts.services.imports import cancel_import, create_import, start_import
from tocsin.contacts.sheets import format_of
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import ConflictError, InvalidInputError, NotFoundError, existing
from tocsin.delivery.importing import advance_import
from tocsin.delivery.verifications import (
    SendOutcome,
    VerificationResult,
    preview_verifications,
    send_verifications,
)

app = App(name="contacts", help="People: list, verify, personal links; many at once: import, export.")

_Format = Annotated[Literal["csv", "xlsx", "json"] | None, Parameter(help="Default: by the file's ending.")]
_SHOWN = 50
_ALLOCATIONS = 100_000
"""Between two looks for garbage: rows leave next to none that needs one."""


def _flag(help: str) -> Any:
    return Parameter(negative="", help=help)


@app.command(name="list")
def list_all(
    *,
    search: Annotated[str, Parameter(help="In any part of the name, number or address.")] = "",
    group: Annotated[str, Parameter(help="Only members of this contact group.")] = "",
    unverified: Annotated[bool, _flag("Only those whose number is not verified.")] = False,
    limit: Annotated[int, Parameter(help="How many, by name.", validator=Number(gte=1, lte=10_000))] = 50,
    json: Json = False,
) -> None:
    """Contacts by name, with whole numbers and addresses. `export` writes all of them."""
    wanted = Wanted(
        text=search, group_id=_group(group) if group else None, number=NumberState.UNVERIFIED if unverified else None
    )
    rows = contacts_found(wanted, sees_addresses=True, rows=limit)[:limit]
    columns = {"id": "id", "name": "name", "phone": "phone", "is_verified": "verified", "email": "email"}
    show([_contact(row) for row in rows], as_json=json, columns=columns)


@app.command
def verify(
    *ids: Annotated[int, Parameter(help="Numbers of contacts, as `tocsin contacts list` shows them.", negative="")],
    group: Annotated[str, Parameter(help="All members of this contact group.")] = "",
    by_call: Annotated[bool, _flag("Call and speak a code instead of sending a text.")] = False,
    dry_run: Annotated[bool, _flag("Say who would get a text, and send none.")] = False,
    json: Json = False,
) -> None:
    """Send verification texts. Exit code 1 when nobody got one."""
    wanted = [*ids, *(contacts_found(Wanted(group_id=_group(group)), sees_addresses=True) if group else ())]
    contact_ids = list(dict.fromkeys(one if isinstance(one, int) else one.pk for one in wanted))
    if not contact_ids:
        raise InvalidInputError({"contacts": "give numbers of contacts, or --group with a group that has members"})
    if dry_run:
        results = preview_verifications(now=utc_now(), contact_ids=contact_ids, by_call=by_call)
    else:
        results = send_verifications(by=SHELL, now=utc_now(), contact_ids=contact_ids, by_call=by_call)
    columns = {"contact_id": "id", "name": "name", "outcome": "outcome", "detail": "why", "retry_at": "again at"}
    show([_verification(result) for result in results], as_json=json, columns=columns)
    if not any(result.outcome == SendOutcome.SENT for result in results):
        sys.exit(1)


@app.command
def links(
    contact_id: Annotated[int, Parameter(help="The number of a contact, as `tocsin contacts list` shows it.")],
    /,
    *,
    revoke: Annotated[bool, _flag("None of them opens anything any more, and a page that is open is closed.")] = False,
    json: Json = False,
) -> None:
    """Personal links of the last week: where each went, whether it was opened, how long it is good."""
    existing(Contact.objects.filter(pk=contact_id).only("pk").first(), f"There is no contact {contact_id}.")
    if revoke:
        revoke_personal_links(by=SHELL, now=utc_now(), contact_id=contact_id)
    columns = {"id": "id", "channel": "channel", "address": "to", "sent_at": "sent", "state": "state", "until": "until"}
    show([_link(link) for link in personal_links_of(contact_id, utc_now())], as_json=json, columns=columns)


@app.command(name="import")
def import_file(
    file: Annotated[Path, Parameter(help="CSV, XLSX or JSON, as `tocsin contacts export` writes it.")],
    /,
    *,
    dry_run: Annotated[bool, _flag("Show what would become of each row, and change nothing.")] = False,
    all_or_nothing: Annotated[bool, _flag("Write nothing when a row is refused.")] = False,
    create_only: Annotated[bool, _flag("Leave contacts that exist as they are.")] = False,
    create_groups: Annotated[bool, _flag("Make contact groups that the file names and that are missing.")] = False,
    clear_empty: Annotated[bool, _flag("An empty cell removes what the contact has (else it is passed over).")] = False,
    send_verifications: Annotated[bool, _flag("Send a verification text to each new number.")] = False,
    format: _Format = None,
    json: Json = False,
) -> None:
    """Create and change contacts as a file says. The same file again changes nothing.

    A row means the contact with its external_id; else the one with its phone number, else with its email address.
    Exit code 1 when a row was refused (the others are written, without --all-or-nothing) or the file cannot be read.
    """
    chosen = format or format_of(file.name)
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no file {file}.") from error
    except IsADirectoryError as error:
        raise NotFoundError(f"{file} is a folder, not a file.") from error
    options = ImportOptions(
        all_or_nothing=all_or_nothing,
        create_only=create_only,
        create_groups=create_groups,
        clear_empty=clear_empty,
        send_verifications=send_verifications,
        may_attest=settings.ATTESTED_PHONES,
    )
    gc.freeze()  # what the program is made of need not be looked through again with every few rows
    gc.set_threshold(_ALLOCATIONS)
    with _begun(file.name, chosen, content, options) as row, _bar(shows=not json) as bar:
        row = advance_import(row.pk, utc_now(), tell=bar("Checking"))
        if row.state == ImportState.READY:
            is_hopeless = all_or_nothing and row.counts.get(Fate.REFUSED, 0)
            if dry_run or is_hopeless:
                row = cancel_import(by=SHELL, now=utc_now(), import_id=row.pk)
            else:
                start_import(by=SHELL, now=utc_now(), import_id=row.pk, may_attest=options.may_attest)
                row = advance_import(row.pk, utc_now(), tell=bar("Importing", row))
    if row.state == ImportState.FAILED:
        fail(row.failure)
    if json:
        show_json(_summary(row, dry_run=dry_run))
    else:
        _tell(row, dry_run=dry_run)
    if row.counts.get(Fate.REFUSED):
        sys.exit(1)


@app.command(name="export")
def export_file(
    file: Annotated[Path | None, Parameter(help="Where to; standard output without it.")] = None,
    /,
    *,
    format: _Format = None,
    with_chatbots: Annotated[bool, _flag("Also the addresses of imported chatbots, which hold their tokens.")] = False,
) -> None:
    """Write all contacts, with whole numbers and addresses, as `tocsin contacts import` reads them."""
    is_stdout = file is None or str(file) == "-"
    chosen = format or ("csv" if file is None or is_stdout else format_of(file.name))
    pieces = export_contacts(by=SHELL, now=utc_now(), format=chosen, with_chatbots=with_chatbots)
    if file is None or is_stdout:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    partial = file.with_name(file.name + ".part")
    with partial.open("xb") as stream:
        partial.chmod(0o600)
        for piece in pieces:
            stream.write(piece)
    partial.replace(file)


@contextmanager
def _begun(name: str, format: str, content: bytes, options: ImportOptions) -> Iterator[ContactImport]:
    """Held from before others can see it, so that no worker takes it."""
    with transaction.atomic():
        row = create_import(
            by=SHELL, now=utc_now(), file_name=name, format=format, content=content, options=options, language="en"
        )
        lock = holding(row.pk)
        lock.__enter__()
    try:
        yield row
    except KeyboardInterrupt:
        with suppress(ConflictError):  # else a worker would go on with it
            cancel_import(by=SHELL, now=utc_now(), import_id=row.pk)
        raise
    finally:
        lock.__exit__(None, None, None)


@contextmanager
def _bar(*, shows: bool) -> Iterator[Any]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not (shows and console.is_terminal), transient=True) as progress:

        def begin(title: str, row: ContactImport | None = None) -> Any:
            written = (Fate.CREATED, Fate.CHANGED)
            total = sum(row.counts.get(fate, 0) for fate in written) if row is not None else None
            task = progress.add_task(title, total=total)
            return lambda row: progress.update(task, completed=row.progress)

        yield begin


def _summary(row: ContactImport, *, dry_run: bool) -> dict[str, Any]:
    return {
        "import": row.pk,
        "file": row.file_name,
        "dry_run": dry_run,
        "written": row.state == ImportState.DONE,
        "rows": row.row_count,
        **{fate.value: row.counts.get(fate, 0) for fate in Fate},
        "texts_sent": row.text_count,
        "unknown_columns": row.unknown_columns,
        "numbers_unverified": rows_of(row.pk).filter(is_unverified=True).count(),
        "losing_phone": [f"{use.kind} {use.name}" for use in uses_losing_phone(row.pk)],
        "groups_emptied": [name for _pk, name in emptied_groups(row)],
        "each": [_row(view) for view in _views(row)] if dry_run else [_row(view) for view in _views(row, Fate.REFUSED)],
    }


def _views(row: ContactImport, fate: str = "") -> Iterator[RowView]:
    return (row_view(item) for item in rows_of(row.pk, fate).iterator(chunk_size=1000))


def _row(view: RowView) -> dict[str, Any]:
    said: dict[str, Any] = {"row": view.number, "fate": view.fate.value, "contact_id": view.contact_id}
    if view.changes:
        said["changes"] = {name: {"from": old, "to": new} for name, (old, new) in view.changes.items()}
    if view.problems:
        said["problems"] = {
            name: {"reason": reason, "text": problem_text(reason, details)}
            for name, (reason, details) in view.problems.items()
        }
    return said


def _tell(row: ContactImport, *, dry_run: bool) -> None:
    is_written = row.state == ImportState.DONE
    views = _views(row, "" if dry_run else Fate.REFUSED)
    for view in views if dry_run else islice(views, _SHOWN):
        name = view.values.get("name", "")
        if view.problems:
            why = "; ".join(
                (f"{field}: " if field else "") + problem_text(reason, details)
                for field, (reason, details) in view.problems.items()
            )
            (say if dry_run else _warn)(f"row {view.number} {name}: refused. {why}")
        else:
            changed = f" ({', '.join(view.changes)})" if view.changes else ""
            say(f"row {view.number} {name}: {view.fate.value}{changed}")
    refused = row.counts.get(Fate.REFUSED, 0)
    if not dry_run and refused > _SHOWN:
        _warn(f"... and {refused - _SHOWN} more; --dry-run shows every row.")
    if row.unknown_columns:
        _warn(f"Columns that are not known were passed over: {', '.join(row.unknown_columns)}.")
    lost = rows_of(row.pk).filter(is_unverified=True).count()
    if lost:
        uses = ", ".join(f"{use.kind} {use.name}" for use in uses_losing_phone(row.pk)) or "none"
        numbers = counted(lost, "proved number is replaced and has", "proved numbers are replaced and have")
        _warn(f"{numbers} to be verified again. Used by phone or text in: {uses}.")
    if emptied := [name for _pk, name in emptied_groups(row)]:
        _warn(f"{counted(len(emptied), 'group is', 'groups are')} left without members: {', '.join(emptied[:_SHOWN])}.")
    totals = ", ".join(f"{row.counts.get(fate, 0)} {fate.value}" for fate in Fate if row.counts.get(fate))
    rows = counted(row.row_count, "row")
    if dry_run:
        say(f"Nothing was written. {rows}: {totals}.")
    elif is_written:
        texts = counted(row.text_count, "verification text was", "verification texts were")
        texts = f" {texts} queued." if row.text_count else ""
        say(f"{rows}: {totals}.{texts}")
    elif row.state == ImportState.CANCELLED and row.started_at is not None:
        _warn(f"Somebody cancelled the import. {rows}: {totals}.")
    else:
        _warn(f"Nothing was written, since rows are refused: {totals}.")


def _group(name: str) -> int:
    group = existing(ContactGroup.objects.filter(name=name).first(), f"There is no contact group {name!r}.")
    return group.object_id


def _contact(row: Contact) -> dict[str, Any]:
    verified_at = row.phone_verified_at
    return {
        "id": row.object_id,
        "name": row.name,
        "phone": row.phone or "",
        "is_verified": verified_at is not None,
        "verified_at": verified_at,
        "email": row.email or "",
        "fallback": row.fallback,
        "external_id": row.external_id or "",
    }


def _link(link: SentLink) -> dict[str, Any]:
    return {
        "id": link.id,
        "channel": link.channel.value,
        "address": link.address_masked,
        "sent_at": link.sent_at,
        "state": link.state.value,
        "until": link.until,
        "opened_at": link.opened_at,
        "opened_from": link.opened_from,
    }


def _verification(result: VerificationResult) -> dict[str, Any]:
    return {
        "contact_id": result.contact_id,
        "name": result.name,
        "outcome": result.outcome.value,
        "method": result.method.value if result.method else None,
        "detail": result.detail,
        "retry_at": result.retry_at,
        "delivery_id": result.delivery_id,
    }


def _warn(text: str) -> None:
    sys.stderr.write(text + "\n")
