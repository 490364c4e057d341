"""`/contacts`: people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, cast

from django.http import HttpRequest
from ninja import Query, Status
from pydantic import BaseModel, Field

from tocsin.accounts.rules import Permission, Scope
from tocsin.accounts.services import record_reveals
from tocsin.channels.kinds import Channel
from tocsin.contacts import queries, services
from tocsin.contacts.import_texts import problem_text
from tocsin.contacts.models import Contact
from tocsin.contacts.queries import ContactFacts, NumberState, Order, Reachability
from tocsin.contacts.rules import Fallback
from tocsin.contacts.rules.importing import Decision, Fate, ImportOptions
from tocsin.contacts.services.syncing import put_contact, sync_contacts
from tocsin.contacts.sheets.files import Values
from tocsin.core import phones
from tocsin.core.clock import utc_now
from tocsin.core.errors import NotFoundError
from tocsin.core.redact import mask_email
from tocsin.delivery.services import send_test
from tocsin.web.rest.callers import actor_of, caller_of
from tocsin.web.rest.fields import Id, IfMatch, Moment, Typed, Versioned, taken
from tocsin.web.rest.paging import Page, PageQuery, one_page
from tocsin.web.rest.problems import FieldProblem
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.shapes import Deleted, Ids, Named, Queued, deleted
from tocsin.web.rest.versions import expected_version

contacts = Resource("Contacts", reads=Scope.CONTACTS_READ, writes=Scope.CONTACTS_WRITE)
_MOST_GROUPS = 1000


class ChannelReach(BaseModel):
    """Whether a message over the channel can be tried, and what is proved of it."""

    is_ready: bool
    reason: str | None = Field(description="Why not: `no_phone`, `unverified_phone`, `no_email`.")
    delivered_at: Moment | None = Field(description="When a message was last proved delivered.")
    failed_at: Moment | None
    failure: str
    bounced_at: Moment | None = Field(
        description="Since when mail to the address comes back; it is tried all the same."
    )


class ContactOut(Versioned):
    """A person. Numbers and addresses are masked unless `reveal=true` asks for them whole."""

    name: str = Field(examples=["Zhang Wei"])
    phone: str | None = Field(examples=["+86 138 **** 5678"])
    phone_verified_at: Moment | None
    email: str | None = Field(examples=["z***@example.org"])
    fallback: Fallback = Field(description="What follows a failed call.")
    user_id: str
    dingtalk_user_id: str
    lark_user_id: str
    wecom_user_id: str
    language: str = Field(examples=["zh-hans"])
    time_zone: str = Field(examples=["Asia/Shanghai"])
    external_id: str | None = Field(examples=["hr-1042"])
    has_legacy_chatbot: bool
    groups: list[Named]
    reach: dict[str, ChannelReach] = Field(description="phone, sms and email.")
    created_at: Moment
    updated_at: Moment


class ContactChanged(ContactOut):
    not_called_by: list[Named] = Field(description="These call and text it no more, until the number is verified.")


_PHONE = Field(max_length=64, description="In any spelling; kept as E.164.", examples=["13800005678"])
_GROUPS = Field(max_length=_MOST_GROUPS, description="The contact's groups, all of them.")


class ContactChanges(Typed):
    """What is left out stays as it is; null or an empty text removes it."""

    name: str = Field("", max_length=200, examples=["Zhang Wei"])
    phone: Annotated[str | None, _PHONE] = None
    email: str | None = Field(None, max_length=300, examples=["zhang@example.org"])
    fallback: Fallback = Fallback.DEFAULT
    user_id: str | None = Field(None, max_length=200)
    dingtalk_user_id: str | None = Field(None, max_length=200)
    lark_user_id: str | None = Field(None, max_length=200, description="An open ID: it begins with ou_.")
    wecom_user_id: str | None = Field(None, max_length=200)
    language: str | None = Field(None, max_length=16, examples=["zh-hans"])
    time_zone: str | None = Field(None, max_length=64, examples=["Asia/Shanghai"])
    external_id: str | None = Field(None, max_length=200, examples=["hr-1042"])
    group_ids: Annotated[list[Id], _GROUPS] = []


class NewContact(ContactChanges):
    """A name, and a phone number or an email address, or both."""

    name: str = Field(max_length=200, examples=["Zhang Wei"])


class SyncedFields(Typed):
    """As a directory gives them: groups by name. What is left out stays as it is; null or an empty text removes it."""

    name: str = Field("", max_length=200, examples=["Zhang Wei"])
    phone: Annotated[str | None, _PHONE] = None
    email: str | None = Field(None, max_length=300, examples=["zhang@example.org"])
    fallback: Fallback = Fallback.DEFAULT
    user_id: str | None = Field(None, max_length=200)
    dingtalk_user_id: str | None = Field(None, max_length=200)
    lark_user_id: str | None = Field(None, max_length=200)
    wecom_user_id: str | None = Field(None, max_length=200)
    language: str | None = Field(None, max_length=16)
    time_zone: str | None = Field(None, max_length=64)
    groups: list[Annotated[str, Field(max_length=200)]] = Field([], max_length=_MOST_GROUPS, examples=[["Databases"]])

    def values(self) -> Values:
        return cast("Values", self.given())


class BulkContact(SyncedFields):
    """Recognised by external ID, else by number, else by address."""

    external_id: str = Field("", max_length=200, examples=["hr-1042"])


class Bulk(Typed):
    contacts: list[BulkContact] = Field(min_length=1, max_length=1000)
    all_or_nothing: bool = Field(False, description="One refused entry keeps all others from being written.")
    create_groups: bool = Field(False, description="Groups of unknown names are made; otherwise they are refused.")
    create_only: bool = Field(False, description="Whoever exists already is left alone.")


class BulkResult(BaseModel):
    """In the order of the entries."""

    outcome: Fate
    id: int | None = Field(description="The contact's.", examples=[7])
    changed: list[str] = Field(description="Names of the fields.")
    errors: list[FieldProblem]


class BulkResults(BaseModel):
    is_written: bool = Field(description="False when `all_or_nothing` kept everything from being written.")
    counts: dict[str, int] = Field(examples=[{"created": 2, "changed": 1, "unchanged": 997}])
    results: list[BulkResult]


class ContactFilters(PageQuery):
    text: str = Field("", max_length=254, description="In the name; for managers also in number and address.")
    group_id: Id | None = None
    number: NumberState | None = Field(None, description="Of the phone number.")
    fallback: Fallback | None = None
    reach: Reachability | None = Field(None, description="Ready by phone, by email, by nothing; never proved.")
    external_id: str = Field("", max_length=128)
    order: Order = Field(Order.OLDEST, description="Rows that are added come last, or with `newest` not at all.")
    reveal: bool = Field(False, description="Whole numbers and addresses: managers only, and the audit log says so.")


class Reveal(BaseModel):
    reveal: bool = Field(False, description="Whole numbers and addresses: managers only, and the audit log says so.")


@contacts.get("", Page[ContactOut])
def list_contacts(request: HttpRequest, filters: Query[ContactFilters]) -> Any:
    caller = caller_of(request)
    asked = taken(filters, ("text", "group_id", "number", "fallback", "reach", "order"))
    wanted = queries.Wanted(**asked, external_id=filters.external_id)
    found = queries.contacts_found(wanted, sees_addresses=caller.reveals, rows=filters.limit + 1)
    rows, following = one_page(found, queries.order_fields(filters.order), filters)
    return Page[ContactOut](items=_shown(request, rows, reveal=filters.reveal), next=following)


@contacts.creation("", ContactOut)
def create_contact(request: HttpRequest, typed: NewContact) -> Any:
    contact = services.create_contact(by=actor_of(request), now=utc_now(), **typed.given())
    return _one(request, contact.pk)


@contacts.act("/bulk", BulkResults)
def sync_many_contacts(request: HttpRequest, typed: Bulk) -> Any:
    """Makes, changes or leaves up to 1000 contacts. Repeating it changes nothing more."""
    chosen = {"all_or_nothing": typed.all_or_nothing, "create_groups": typed.create_groups}
    options = ImportOptions(**chosen, create_only=typed.create_only, clear_empty=True)
    entries = [entry.values() for entry in typed.contacts]
    synced = sync_contacts(by=actor_of(request), now=utc_now(), entries=entries, options=options)
    fates = [item.fate for item in synced.decisions]
    return {
        "is_written": synced.is_written,
        "counts": {fate.value: fates.count(fate) for fate in Fate if fate in fates},
        "results": [_result(item) for item in synced.decisions],
    }


@contacts.act("/delete", Deleted)
def delete_contacts(request: HttpRequest, typed: Ids) -> Any:
    """Unknown ids are passed over, so repeating it is no error."""
    deletion = services.delete_contacts(by=actor_of(request), now=utc_now(), ids=typed.ids)
    return deleted(deletion.names, deletion.uses, deletion.emptied_groups)


@contacts.put("/by-external-id/{path:external_id}", {200: ContactOut, 201: ContactOut})
def put_contact_by_external_id(
    request: HttpRequest, external_id: str, typed: SyncedFields, create_groups: bool = False
) -> Any:
    """Made when nobody has the external ID; whoever has the number or address, and no external ID, gets it."""
    decision = put_contact(
        by=actor_of(request), now=utc_now(), external_id=external_id, entry=typed.values(), create_groups=create_groups
    )
    pk = decision.contact.id if decision.contact is not None else 0
    return Status(201 if decision.fate is Fate.CREATED else 200, _one(request, pk))


@contacts.get("/{int:contact_id}", ContactOut)
def read_contact(request: HttpRequest, contact_id: Id, asked: Query[Reveal]) -> Any:
    return _one(request, contact_id, reveal=asked.reveal)


@contacts.patch("/{int:contact_id}", ContactChanged)
def update_contact(request: HttpRequest, contact_id: Id, typed: ContactChanges, if_match: IfMatch = None) -> Any:
    """A changed number has to be verified again."""
    version = expected_version(if_match)
    change = services.update_contact(
        by=actor_of(request), now=utc_now(), contact_id=contact_id, version=version, **typed.given()
    )
    losing = [Named(id=use.id, name=use.name) for use in change.uses_losing_phone]
    return ContactChanged(**_one(request, contact_id).model_dump(), not_called_by=losing)


@contacts.removal("/{int:contact_id}", Deleted)
def delete_contact(request: HttpRequest, contact_id: Id, if_match: IfMatch = None) -> Any:
    version = expected_version(if_match)
    deletion = services.delete_contacts(by=actor_of(request), now=utc_now(), ids=[contact_id], version=version)
    if not deletion.names:
        raise NotFoundError("There is no such contact.")
    return deleted(deletion.names, deletion.uses, deletion.emptied_groups)


class ContactTest(Typed):
    channel: Channel = Field(description="phone, sms or email.", examples=["sms"])


@contacts.act("/{int:contact_id}/test", Queued, status=202)
def test_contact(request: HttpRequest, contact_id: Id, typed: ContactTest) -> Any:
    sent = send_test(by=actor_of(request), now=utc_now(), object_id=contact_id, channel=typed.channel)
    return Queued(delivery_id=sent.pk)


@contacts.act("/{int:contact_id}/chatbot/remove", ContactOut)
def remove_chatbot(request: HttpRequest, contact_id: Id, if_match: IfMatch = None) -> Any:
    """An imported chatbot's address cannot be put back."""
    services.remove_legacy_chatbot(
        by=actor_of(request), now=utc_now(), contact_id=contact_id, version=expected_version(if_match)
    )
    return _one(request, contact_id)


def _one(request: HttpRequest, contact_id: int, *, reveal: bool = False) -> ContactOut:
    rows = list(queries.contacts_among([contact_id]))
    if not rows:
        raise NotFoundError("There is no such contact.")
    return _shown(request, rows, reveal=reveal)[0]


def _shown(request: HttpRequest, rows: Sequence[Contact], *, reveal: bool) -> list[ContactOut]:
    if reveal:
        caller = caller_of(request)
        caller.requires(Permission.REVEAL)
        record_reveals(by=caller.by, now=utc_now(), instances=rows, fields=("phone", "email"))
    facts = queries.contact_facts([row.pk for row in rows], groups_shown=_MOST_GROUPS)
    return [_out(row, facts[row.pk], reveal) for row in rows if row.pk in facts]


_PLAIN = ("name", "phone_verified_at", "fallback", "user_id", "dingtalk_user_id", "lark_user_id", "wecom_user_id",
          "language", "time_zone", "external_id", "created_at", "updated_at", "version")  # fmt: skip


def _out(row: Contact, facts: ContactFacts, reveal: bool) -> ContactOut:
    email = row.email or ""
    return ContactOut(
        id=row.pk,
        **taken(row, _PLAIN),
        phone=(row.phone if reveal else phones.mask(row.phone)) if row.phone else None,
        email=(email if reveal else mask_email(email)) or None,
        has_legacy_chatbot=facts.has_legacy_chatbot,
        groups=[Named(id=pk, name=name) for pk, name in facts.groups],
        reach={
            channel.value: ChannelReach(
                is_ready=item.is_ready,
                reason=item.reason,
                delivered_at=item.delivered_at,
                failed_at=item.failed_at,
                failure=item.failure,
                bounced_at=item.bounced_at,
            )
            for channel, item in facts.ready.items()
        },
    )


def _result(item: Decision) -> dict[str, Any]:
    return {
        "outcome": item.fate,
        "id": item.contact.id if item.contact is not None else None,
        "changed": list(item.changed_fields) if item.fate is Fate.CHANGED else [],
        "errors": [
            {"field": name, "place": "body", "detail": problem_text(problem.reason, problem.details)}
            for name, problem in item.problems.items()
        ],
    }
