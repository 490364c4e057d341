"""`/contact-imports`: people out of a file, looked at before they are written; `/contact-export`: people into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from django.conf import settings
from django.http import HttpRequest
from django.utils import translation
from ninja import File, Form, Query, UploadedFile
from pydantic import BaseModel, Field

from tocsin.accounts.rules import Permission, Scope
from tocsin.accounts.services import record_reveal
from tocsin.contacts import queries
from tocsin.contacts.import_models import ContactImport
from tocsin.contacts.import_texts import problem_text
from tocsin.contacts.queries import NumberState, Reachability
from tocsin.contacts.queries.importing import RowView, contacts_of, emptied_groups, row_view, rows_of, uses_losing_phone
from tocsin.contacts.rules import Fallback
from tocsin.contacts.rules.importing import MAX_FILE_BYTES, Fate, ImportOptions, ImportState
from tocsin.contacts.services.exporting import export_contacts
from tocsin.contacts.services.imports import cancel_import
from tocsin.contacts.sheets import FORMATS, format_of
from tocsin.contacts.sheets.files import too_large
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.delivery.importing import begin_import, release_import
from tocsin.web.rest.callers import Caller, actor_of, caller_of
from tocsin.web.rest.fields import Id, Moment, Typed
from tocsin.web.rest.paging import Page, PageQuery, one_page
from tocsin.web.rest.problems import FieldProblem
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.shapes import Named
from tocsin.web.shared.files import file_response, import_value
from tocsin.web.shared.words import said

contact_imports = Resource("Contact files", reads=Scope.CONTACTS_READ, writes=Scope.CONTACTS_WRITE)
contact_export = Resource("Contact files", reads=Scope.CONTACTS_READ, writes=Scope.CONTACTS_WRITE)
_MOST = 1_000_000
_MEDIA = tuple(kind.get_content_type() for kind in FORMATS.values())


class ImportChoices(Typed):
    create_only: bool = Field(False, description="Whoever exists already is left alone.")
    create_groups: bool = Field(False, description="Groups of unknown names are made; otherwise they are refused.")
    all_or_nothing: bool = Field(False, description="One refused row keeps all others from being written.")
    clear_empty: bool = Field(False, description="An empty cell removes what the contact has; else it is passed over.")
    send_verifications: bool = Field(False, description="A verification text goes to each new number.")


class ImportOut(BaseModel):
    """`counts` is of rows by fate: as they were checked, and as they were written once it is done."""

    id: int = Field(examples=[7])
    file_name: str = Field(examples=["people.csv"])
    state: ImportState = Field(description="`checking` becomes `ready`, which waits for `/start`.")
    choices: ImportChoices
    row_count: int
    progress: int = Field(description="Rows checked, or written, so far.")
    counts: dict[str, int] = Field(examples=[{"created": 12, "changed": 3, "refused": 1}])
    unknown_columns: list[str] = Field(description="That were passed over.")
    failure: str = Field(description="Why the file cannot be read.")
    new_numbers: int = Field(description="That get a verification text.")
    text_count: int = Field(description="Verification texts that were sent.")
    not_called_by: list[Named] = Field(description="These call and text the changed numbers no more, until verified.")
    left_empty: list[Named] = Field(description="Groups that will have no members.")
    by: str = Field(description="Who uploaded it, or who started it.")
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    forgotten_at: Moment | None = Field(description="When its rows were forgotten: after a week.")


class ImportRowOut(BaseModel):
    """One row of the file, and what becomes or became of it. Numbers and addresses are masked without `reveal=true`."""

    number: int = Field(description="As a spreadsheet counts.", examples=[2])
    fate: Fate
    contact_id: int | None
    values: dict[str, str] = Field(examples=[{"name": "Zhang Wei", "phone": "+86 138 **** 5678"}])
    groups: list[str] | None
    changes: dict[str, list[str]] = Field(description="Field: before, after.")
    errors: list[FieldProblem]


class ImportRowFilters(PageQuery):
    fate: Fate | None = None
    reveal: bool = Field(False, description="Whole numbers and addresses; the audit log says so.")


class ExportFilters(BaseModel):
    """As of the list of contacts; without any, everybody."""

    format: Literal["csv", "xlsx", "json"] = "csv"
    text: str = Field("", max_length=254)
    group_id: Id | None = None
    number: NumberState | None = None
    fallback: Fallback | None = None
    reach: Reachability | None = None
    external_id: str = Field("", max_length=128)


@contact_imports.get("", Page[ImportOut], needs=Permission.MANAGE)
def list_contact_imports(request: HttpRequest, asked: Query[PageQuery]) -> Any:
    """The newest first."""
    rows, following = one_page(ContactImport.objects.order_by("-pk"), ("-pk",), asked)
    return Page[ImportOut](items=[_out(row, losing=False) for row in rows], next=following)


@contact_imports.creation("", ImportOut)
def upload_contacts(request: HttpRequest, file: File[UploadedFile], choices: Form[ImportChoices]) -> Any:
    """A CSV, XLSX or JSON file of at most 50 MiB. A worker checks it, and nothing is written before `/start`."""
    caller = caller_of(request)
    if file.size is None or file.size > MAX_FILE_BYTES:
        raise too_large()
    name = file.name or ""
    options = ImportOptions(**choices.model_dump(), may_attest=_may_attest(caller))
    row = begin_import(
        by=caller.by,
        now=utc_now(),
        file_name=name,
        format=format_of(name),
        content=file.read(),
        options=options,
        language=translation.get_language() or "",
    )
    return _out(row)


@contact_imports.get("/{int:import_id}", ImportOut, needs=Permission.MANAGE)
def read_contact_import(request: HttpRequest, import_id: Id) -> Any:
    return _out(_found(import_id))


@contact_imports.get("/{int:import_id}/rows", Page[ImportRowOut], needs=Permission.MANAGE)
def list_import_rows(request: HttpRequest, import_id: Id, asked: Query[ImportRowFilters]) -> Any:
    """In the file's order: before `/start` what would become of each, and afterwards what became of it."""
    row, caller = _found(import_id), caller_of(request)
    if asked.reveal:
        caller.requires(Permission.REVEAL)
        record_reveal(by=caller.by, now=utc_now(), instance=row, fields=("phone", "email"))
    found, following = one_page(rows_of(row.pk, asked.fate or ""), ("number",), asked)
    views = [row_view(each) for each in found]
    known = contacts_of(views) if row.state == ImportState.DONE else {}
    items = [_row_out(view, known.get(view.number, view.contact_id), reveals=asked.reveal) for view in views]
    return Page[ImportRowOut](items=items, next=following)


@contact_imports.act("/{int:import_id}/start", ImportOut)
def start_contact_import(request: HttpRequest, import_id: Id) -> Any:
    """A worker writes what was checked. Numbers that count as verified are for administrators to import."""
    may_attest = _may_attest(caller_of(request))
    return _out(release_import(by=actor_of(request), now=utc_now(), import_id=import_id, may_attest=may_attest))


@contact_imports.act("/{int:import_id}/cancel", ImportOut)
def cancel_contact_import(request: HttpRequest, import_id: Id) -> Any:
    """What was written stays, unless all or nothing was chosen."""
    return _out(cancel_import(by=actor_of(request), now=utc_now(), import_id=import_id))


@contact_export.download("", *_MEDIA, needs=Permission.REVEAL)
def export_all_contacts(request: HttpRequest, asked: Query[ExportFilters]) -> Any:
    """With whole numbers and addresses; the audit log has an entry for each contact. An import takes it as it is."""
    now, given = utc_now(), asked.model_dump(exclude={"format"}, exclude_defaults=True)
    ids = None
    if given:
        found = queries.contacts_found(queries.Wanted(**given), sees_addresses=True, rows=_MOST)
        ids = queries.ids_found(found, most=_MOST)
    pieces = export_contacts(by=actor_of(request), now=now, format=asked.format, ids=ids)
    return file_response(pieces, asked.format, f"contacts-{now:%Y-%m-%d}")


def _may_attest(caller: Caller) -> bool:
    return settings.ATTESTED_PHONES and caller.may(Permission.ADMINISTER)


def _found(import_id: int) -> ContactImport:
    row = existing(ContactImport.objects.filter(pk=import_id).first(), "There is no such import.")
    return row


_PLAIN = ("file_name", "row_count", "progress", "counts", "unknown_columns", "new_numbers", "text_count", "created_at",
          "started_at", "finished_at", "forgotten_at")  # fmt: skip


def _out(row: ContactImport, *, losing: bool = True) -> ImportOut:
    is_ready = losing and row.state == ImportState.READY
    uses = uses_losing_phone(row.pk) if is_ready else []
    groups = emptied_groups(row) if is_ready else []
    chosen = row.chosen
    return ImportOut(
        id=row.pk,
        state=ImportState(row.state),
        choices=ImportChoices(**{name: getattr(chosen, name) for name in ImportChoices.model_fields}),
        failure=said(row.failure),
        not_called_by=[Named(id=use.id, name=use.name) for use in uses],
        left_empty=[Named(id=pk, name=name) for pk, name in groups],
        by=row.by_name,
        **{name: getattr(row, name) for name in _PLAIN},
    )


def _row_out(view: RowView, contact_id: int | None, *, reveals: bool) -> ImportRowOut:
    def shown(name: str, sides: Sequence[str]) -> list[str]:
        return [import_value(name, side, reveals=reveals) for side in sides]

    return ImportRowOut(
        number=view.number,
        fate=view.fate,
        contact_id=contact_id,
        values={name: import_value(name, value, reveals=reveals) for name, value in view.values.items()},
        groups=list(view.groups) if view.groups is not None else None,
        changes={name: shown(name, sides) for name, sides in view.changes.items()},
        errors=[
            FieldProblem(field=name, place="body", detail=said(problem_text(reason, details)), taken_by=None)
            for name, (reason, details) in view.problems.items()
        ],
    )
