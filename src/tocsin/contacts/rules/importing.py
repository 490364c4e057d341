"""What becomes of one row of an imported file, given who is known already."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tocsin.contacts.rules.exchanging import PASSING

KEYS = ("external_id", "phone", "email")
"""What a row is recognised by, in this order; each belongs to one contact only."""
MAX_FILE_BYTES = 50 * 2**20
MAX_ROWS = 200_000


class Fate(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    """The contact exists, and only new ones were wanted."""
    REFUSED = "refused"
    LEFT = "left"
    """It was to be written, and the import ended before."""


class Refusal(StrEnum):
    """Why a row is refused."""

    INVALID = "invalid"
    """The field's own rule says so."""
    NO_NAME = "no_name"
    UNREACHABLE = "unreachable"
    TAKEN = "taken"
    """Another contact has the value."""
    AMBIGUOUS = "ambiguous"
    """The number is one contact's and the address another's."""
    OTHER_EXTERNAL_ID = "other_external_id"
    """Recognised by number or address, but that contact has another external ID."""
    DOUBLED = "doubled"
    """An earlier row of the file has the value, or means the same contact."""
    UNKNOWN_GROUP = "unknown_group"
    CHATBOT_FIXED = "chatbot_fixed"
    NOT_ATTESTABLE = "not_attestable"
    LOST_RACE = "lost_race"
    """Somebody else took the value while the row was written."""


_OTHERS_HAVE_IT = frozenset({Refusal.TAKEN, Refusal.AMBIGUOUS, Refusal.OTHER_EXTERNAL_ID})


class ImportState(StrEnum):
    CHECKING = "checking"
    READY = "ready"
    """Checked; waits for a person."""
    IMPORTING = "importing"
    TEXTING = "texting"
    """Written; verification texts go out."""
    DONE = "done"
    NOTHING_WRITTEN = "nothing_written"
    """All or nothing was asked for, and a row was refused on the way."""
    CANCELLED = "cancelled"
    FAILED = "failed"
    """The file cannot be read."""


WORKING = (ImportState.CHECKING, ImportState.IMPORTING, ImportState.TEXTING)
"""States in which a worker has something to do."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What was chosen with the file. `may_attest`: administrators, where settings allow vouching for numbers."""

    all_or_nothing: bool = False
    create_only: bool = False
    create_groups: bool = False
    clear_empty: bool = False
    """An empty cell removes what the contact has; otherwise it is passed over."""
    send_verifications: bool = False
    may_attest: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """A contact as it is. `values` by field, "" for none; groups by name."""

    id: int
    name: str
    values: Mapping[str, str]
    is_verified: bool
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Row:
    """A cleaned row: what it gives, by field. `groups` is None where it says nothing of them."""

    number: int
    values: Mapping[str, str]
    groups: tuple[str, ...] | None = None
    chatbot_url: str = ""
    attested_by: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """Contacts that rows may mean or collide with: (field, value) -> contact, addresses in lower case; and groups."""

    contacts: Mapping[tuple[str, str], Stored]
    groups: Collection[str]
    chatbots: Mapping[tuple[str, str], Stored] = field(default_factory=dict)
    """(name, address) -> a contact of whom nothing else is known."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`details` fill the sentence that doors have for the reason."""

    reason: Refusal
    details: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """`changes`: field -> before and after; `groups` likewise by name. `problems` by field when refused."""

    row: Row
    fate: Fate
    contact: Stored | None = None
    changes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    groups: tuple[frozenset[str], frozenset[str]] | None = None
    problems: Mapping[str, Problem] = field(default_factory=dict)

    @property
    def is_number_new(self) -> bool:
        return bool(self.changes.get("phone", ("", ""))[1])

    @property
    def is_unverified(self) -> bool:
        """A proved number is lost by it."""
        return "phone" in self.changes and self.contact is not None and self.contact.is_verified

    @property
    def is_attested(self) -> bool:
        return "attested_by" in self.changes

    @property
    def changed_fields(self) -> tuple[str, ...]:
        return (*self.changes, *(("groups",) if self.groups else ()))


def keys_of(row: Row) -> list[tuple[str, str]]:
    values = row.values
    return [(name, value.lower() if name == "email" else value) for name in KEYS if (value := values.get(name))]


def decide_all(
    rows: Sequence[Row],
    known: Known,
    claimed: dict[tuple[str, str], int],
    options: ImportOptions,
    *,
    exchanges: bool = False,
) -> list[Decision]:
    """About each, in their order; what they claim is added to `claimed`. With `exchanges` numbers and addresses may
    pass between contacts of these rows, which must then be written together.
    """
    leavers = _leavers(rows, known) if exchanges else {}
    while True:
        taken = dict(claimed) if leavers else claimed
        decisions = []
        for row in rows:
            decisions.append(decision := decide(row, known, taken, options, left=leavers))
            taken.update(dict.fromkeys(claims_of(decision), row.number))
        if not leavers:
            return decisions
        stays = {item.row.number for item in decisions if item.fate not in (Fate.CHANGED, Fate.UNCHANGED)}
        if not stays.intersection(leavers.values()):
            claimed.update(taken)
            return decisions
        leavers = {key: number for key, number in leavers.items() if number not in stays}


def decide(
    row: Row,
    known: Known,
    claimed: Mapping[tuple[str, str], int],
    options: ImportOptions,
    *,
    left: Collection[tuple[str, str]] = (),
) -> Decision:
    """`claimed`: what earlier rows of the file have taken, by `claims_of`, and their numbers. `left`: what the contacts
    that have it lose by other rows.
    """
    keys = keys_of(row)
    for key in keys:
        if key in claimed:
            problem = Problem(Refusal.DOUBLED, {"row": claimed[key], "value": row.values[key[0]]})
            return _refused(row, {key[0]: problem})
    contact, problems = _recognise(row, [key for key in keys if key not in left], known)
    if contact is not None and (earlier := claimed.get(("id", str(contact.id)))) is not None:
        problems[""] = Problem(Refusal.DOUBLED, {"row": earlier, "value": contact.name})
    if problems:
        return _refused(row, problems, contact)
    if contact is not None and options.create_only:
        return Decision(row, Fate.SKIPPED, contact)
    problems = _wrong(row, contact, known, options)
    if problems:
        return _refused(row, problems, contact)
    before = contact.values if contact is not None else {}
    changes = {
        name: (before.get(name, ""), value) for name, value in row.values.items() if before.get(name, "") != value
    }
    if contact is None and row.chatbot_url:
        changes["legacy_chatbot_url"] = ("", row.chatbot_url)
    is_proved = contact is not None and contact.is_verified and "phone" not in changes
    phone = row.values.get("phone", before.get("phone", ""))
    if row.attested_by and phone and not is_proved:
        changes["attested_by"] = ("", row.attested_by)
    groups = _changed_groups(row, contact)
    if contact is None:
        return Decision(row, Fate.CREATED, None, changes, groups)
    return Decision(row, Fate.CHANGED if changes or groups else Fate.UNCHANGED, contact, changes, groups)


def may_pass(decision: Decision) -> bool:
    """Whether the row is refused only for what contacts have whose own rows may give it up."""
    reasons = {problem.reason for problem in decision.problems.values()}
    return decision.fate is Fate.REFUSED and bool(reasons) and reasons <= _OTHERS_HAVE_IT


def claims_of(decision: Decision) -> list[tuple[str, str]]:
    """What no later row of the file may have."""
    if decision.fate is Fate.REFUSED:
        return []
    mine = [("id", str(decision.contact.id))] if decision.contact is not None else []
    return keys_of(decision.row) + mine


def _leavers(rows: Sequence[Row], known: Known) -> dict[tuple[str, str], int]:
    """Numbers and addresses that contacts are to lose, by the rows that say so."""
    found = {}
    for row in rows:
        contact = _meant(row, known)
        if contact is None:
            continue
        for name in PASSING:
            before = contact.values.get(name, "").lower()
            if before and name in row.values and row.values[name].lower() != before:
                found[name, before] = row.number
    return found


def _meant(row: Row, known: Known) -> Stored | None:
    """By external ID, number or address; where those are two contacts', the one who has the row's name."""
    found = {key[0]: one for key in keys_of(row) if (one := known.contacts.get(key)) is not None}
    if "external_id" in found or len({one.id for one in found.values()}) < 2:
        return next(iter(found.values()), None)
    named = {one.id: one for one in found.values() if one.name == row.values.get("name")}
    return next(iter(named.values())) if len(named) == 1 else None


def _recognise(row: Row, keys: Sequence[tuple[str, str]], known: Known) -> tuple[Stored | None, dict[str, Problem]]:
    """By external ID; else by number, else by address, when that contact has no external ID of its own."""
    found = {key[0]: known.contacts.get(key) for key in keys}
    by_id = found.get("external_id")
    others = {name: other for name in ("phone", "email") if (other := found.get(name)) is not None}
    if by_id is not None:
        return by_id, {
            name: Problem(Refusal.TAKEN, {"name": other.name, "value": row.values[name]})
            for name, other in others.items()
            if other.id != by_id.id
        }
    if not others:
        return None if keys else known.chatbots.get((row.values.get("name", ""), row.chatbot_url)), {}
    contact = next(iter(others.values()))
    if len({other.id for other in others.values()}) > 1:
        details = {"phone": others["phone"].name, "email": others["email"].name}
        return None, {"email": Problem(Refusal.AMBIGUOUS, details)}
    theirs = contact.values.get("external_id", "")
    if theirs and row.values.get("external_id"):
        name = next(iter(others))
        details = {"name": contact.name, "value": row.values[name], "external_id": theirs}
        return None, {name: Problem(Refusal.OTHER_EXTERNAL_ID, details)}
    return contact, {}


def _wrong(row: Row, contact: Stored | None, known: Known, options: ImportOptions) -> dict[str, Problem]:
    problems: dict[str, Problem] = {}
    before = contact.values if contact is not None else {}
    after = {**before, **row.values}
    if not after.get("name"):
        problems["name"] = Problem(Refusal.NO_NAME)
    stored_url = before.get("legacy_chatbot_url", "")
    if contact is not None and row.chatbot_url and row.chatbot_url != stored_url:
        problems["legacy_chatbot_url"] = Problem(Refusal.CHATBOT_FIXED)
    if not (after.get("phone") or after.get("email") or row.chatbot_url or stored_url):
        problems[""] = Problem(Refusal.UNREACHABLE)
    if row.attested_by and not options.may_attest:
        problems["verified_by"] = Problem(Refusal.NOT_ATTESTABLE)
    if not options.create_groups and (missing := [name for name in row.groups or () if name not in known.groups]):
        problems["groups"] = Problem(Refusal.UNKNOWN_GROUP, {"names": ", ".join(missing)})
    return problems


def _changed_groups(row: Row, contact: Stored | None) -> tuple[frozenset[str], frozenset[str]] | None:
    if row.groups is None:
        return None
    before = contact.groups if contact is not None else frozenset()
    after = frozenset(row.groups)
    return (before, after) if before != after else None


def _refused(row: Row, problems: Mapping[str, Problem], contact: Stored | None = None) -> Decision:
    return Decision(row, Fate.REFUSED, contact, problems=problems)
