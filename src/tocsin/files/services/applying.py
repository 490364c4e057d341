"""Files made true in one transaction, or only tried.

A trial does everything and undoes it: what it shows is what the services would have done, refusals included.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction

from tocsin.channels.services import delete_account
from tocsin.contacts.queries import deletion_preview, uses_of
from tocsin.contacts.services import delete_contacts, delete_groups, delete_robots, delete_webhooks
from tocsin.core.actors import Actor
from tocsin.core.errors import ConflictError, InvalidInputError, NotFoundError
from tocsin.delivery.lifecycle import unsubscribe
from tocsin.events.retrying import in_transaction
from tocsin.events.services import delete_integration
from tocsin.files.queries import everything, matches, state_of
from tocsin.files.rules.kinds import KINDS
from tocsin.files.rules.reading import Entry, FilesError
from tocsin.files.rules.shapes import Problem, SecretRef
from tocsin.files.rules.state import Difference, Item, State, differences
from tocsin.files.services.writing import Writing, is_as_stored, listed, make_way, names_for, write
from tocsin.oncall.services.schedules import delete_schedules
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.naming import Names
from tocsin.policies.rules.silencing import Effect
from tocsin.policies.services import delete_escalation, delete_policy, reorder_policies
from tocsin.policies.services.inhibitions import delete_inhibition
from tocsin.policies.services.silences import delete_silence

_OBJECTS = {
    "groups": delete_groups,
    "robots": delete_robots,
    "webhooks": delete_webhooks,
    "schedules": delete_schedules,
}
_ONE_BY_ONE: Mapping[str, tuple[str, Callable[..., None]]] = {
    "accounts": ("account_id", delete_account),
    "subscriptions": ("subscription_id", unsubscribe),
    "integrations": ("integration_id", delete_integration),
    "escalations": ("escalation_id", delete_escalation),
    "policies": ("policy_id", delete_policy),
    "silences": ("silence_id", delete_silence),
    "inhibitions": ("inhibition_id", delete_inhibition),
}
_PRUNED = ("policies", "silences", "inhibitions", "escalations", "schedules", "groups", "robots",
           "subscriptions", "webhooks", "contacts", "integrations", "accounts")  # fmt: skip
"""What names something goes before it."""


@dataclass(frozen=True, slots=True)
class Report:
    """`notes`: what people lose by it. `tokens`: of new integrations, shown this once. `is_done`: it was written."""

    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    tokens: Mapping[str, str]
    is_done: bool


def apply_files(
    *,
    by: Actor,
    now: datetime,
    entries: Sequence[Entry],
    secret_of: Callable[[Entry, SecretRef], str],
    prunes: bool = False,
    is_trial: bool = False,
    expected: Collection[Difference] | None = None,
    tell: Callable[[str, int, int], None] = lambda _noun, _done, _all: None,
) -> Report:
    """FilesError names everything that is wrong, and nothing is written then. What is left out of an object gets its
    default; secrets that it does not name stay.

    `prunes`: also deletes what the files do not name, of the kinds that they have; a silence for a period, which
    ends by itself, stays. `expected`: what a trial found; ConflictError when it would be
    something else by now. `tell`: noun, how many are done, of how many.
    """

    if prunes and not entries:
        text = "the files name nothing, so nothing says what to keep; leave --prune out, or name the right files"
        raise FilesError([Problem("--prune", 0, "", text)])

    def work() -> Report:
        run = _Run(by, now, secret_of, prunes, tell)
        report = run.through(entries, is_trial)
        if expected is not None and list(report.differences) != list(expected):
            raise ConflictError("The installation changed since the difference was shown. Nothing was written.")
        if is_trial:
            transaction.set_rollback(True)
        return report

    return in_transaction(partial(_atomic, work))


def _atomic(work: Callable[[], Report]) -> Report:
    with transaction.atomic():
        return work()


def _ends_by_itself(item: Item) -> bool:
    """A silence that somebody made for a time: who commits files need not know of it."""
    return item.kind == "silences" and item.values.get("effect") == Effect.PERIOD


class _Run:
    """One application of files, inside a transaction."""

    def __init__(
        self,
        by: Actor,
        now: datetime,
        secret_of: Callable[[Entry, SecretRef], str],
        prunes: bool,
        tell: Callable[[str, int, int], None],
    ) -> None:
        self._by, self._now, self._prunes, self._tell = by, now, prunes, tell
        self._writing = Writing(by, now, secret_of, Names())
        self._problems: list[Problem] = []
        self._refused: set[str] = set()

    def through(self, entries: Sequence[Entry], is_trial: bool) -> Report:
        grouped = {key: [entry for entry in entries if entry.kind.key == key] for key in KINDS}
        found = {key: matches(key, listed, settings.DEFAULT_REGION) for key, listed in grouped.items()}
        self._problems += [problem for each in found.values() for problem in each.problems]
        self._stop_at_problems()
        before = everything(self._now) if self._prunes else self._state_of({k: m.ids for k, m in found.items()})
        if self._prunes:
            self._note_losses(before, {key: set(each.ids) for key, each in found.items() if grouped[key]})
        written: dict[str, list[int | None]] = {}
        for key, of_kind in grouped.items():
            items = self._items(before, key, found[key].ids)
            written[key] = self._write(key, of_kind, [items.get(pk) if pk else None for pk in found[key].ids])
        self._stop_at_problems()
        self._put_in_order([pk for pk in written["policies"] if pk])
        if self._prunes:
            self._prune(before, written, grouped)
            self._stop_at_problems()
        after = everything(self._now) if self._prunes else self._state_of(written)
        notes = tuple(dict.fromkeys(self._writing.notes))
        tokens = {} if is_trial else self._writing.tokens
        return Report(tuple(differences(before, after)), notes, tokens, not is_trial)

    def _items(self, state: State, key: str, ids: Iterable[int | None]) -> dict[int, Item]:
        """Of what the entries stand for, also what `everything` leaves out."""
        known = {item.id: item for item in state.get(key, ())}
        missing = {pk for pk in ids if pk is not None and pk not in known}
        return known | {item.id: item for item in state_of({key: missing}).get(key, ())}

    def _state_of(self, ids: Mapping[str, Iterable[int | None]]) -> State:
        return state_of({key: {pk for pk in listed if pk is not None} for key, listed in ids.items()})

    def _write(self, key: str, entries: Sequence[Entry], items: Sequence[Item | None]) -> list[int | None]:
        self._writing.names = names_for(key, entries)
        if key == "contacts":
            self._writing.had = make_way(zip(entries, items, strict=True))
        return [
            self._write_one(entry, item, number, len(entries))
            for number, (entry, item) in enumerate(zip(entries, items, strict=True), start=1)
        ]

    def _write_one(self, entry: Entry, item: Item | None, number: int, total: int) -> int | None:
        self._tell(entry.kind.noun, number, total)
        if item is not None and is_as_stored(entry, item):
            return item.id
        try:
            with transaction.atomic():
                return write(self._writing, entry, item)
        except InvalidInputError as error:
            self._refused.add(entry.name)
            follows = [text for text in error.fields.values() if "nothing of the name" in text]
            if not any(repr(name) in text for text in follows for name in self._refused):
                self._problems += [entry.problem(field, text) for field, text in error.fields.items()]
        except (ConflictError, NotFoundError) as error:
            self._problems.append(entry.problem("", str(error)))
        return None

    def _put_in_order(self, named: Sequence[int]) -> None:
        """Those of the files change places among themselves; others keep theirs."""
        rows = NotificationPolicy.objects.filter(deleted_at__isnull=True).order_by("position", "pk")
        current = list(rows.values_list("pk", flat=True))
        in_order, is_named = iter(named), set(named)
        wanted = [next(in_order) if pk in is_named else pk for pk in current]
        if wanted != current:
            reorder_policies(by=self._by, now=self._now, ids=wanted)

    def _note_losses(self, before: State, kept: Mapping[str, Collection[int | None]]) -> None:
        """What uses that which will be deleted, before anything is written."""
        for key in (key for key in ("contacts", *_OBJECTS) if key in kept):
            gone = {item.id: item.name for item in before[key] if item.id not in kept[key]}
            users: dict[int, list[str]] = {}
            for use in uses_of(list(gone)) if gone else ():
                users.setdefault(use.object_id, []).append(f"{use.kind} {use.name}")
            self._writing.notes += [
                f"{listed(users[pk])} no longer tells {name}" for pk, name in gone.items() if pk in users
            ]
            if key == "contacts" and gone and (emptied := deletion_preview(list(gone)).emptied_groups):
                self._writing.notes.append(f"no members are left in the group {listed(emptied)}")

    def _prune(
        self, before: State, written: Mapping[str, Sequence[int | None]], grouped: Mapping[str, Sequence[Entry]]
    ) -> None:
        for key in (key for key in _PRUNED if grouped[key]):
            kept = set(written[key])
            gone = [item for item in before.get(key, ()) if item.id not in kept and not _ends_by_itself(item)]
            self._refuse_named(key, gone, grouped["policies"])
            if gone:
                self._delete(key, gone)

    def _refuse_named(self, key: str, gone: Sequence[Item], policies: Sequence[Entry]) -> None:
        """What the files name without holding it: the next time it would be missing."""
        names = {item.id: item.name for item in gone}
        users: list[tuple[str, str]] = []
        if key == "contacts" or key in _OBJECTS:
            users = [(names[use.object_id], f"{use.kind} {use.name}") for use in uses_of(list(names))] if names else []
        elif key == "integrations":
            sources = [(entry, name) for entry in policies for name in entry.values.get("sources", ())]
            users = [(name, f"policy {entry.name}") for entry, name in sources if name in names.values()]
        for name, user in users:
            place = f"{KINDS[key].noun} {name!r}"
            text = f"would be deleted, and {user} names it; put it into the files, or take it out there"
            self._problems.append(Problem("--prune", 0, place, text))

    def _delete(self, key: str, gone: Sequence[Item]) -> None:
        stamp: dict[str, Any] = {"by": self._by, "now": self._now}
        if key == "contacts":
            delete_contacts(**stamp, ids=[item.id for item in gone])
        elif key in _OBJECTS:
            _OBJECTS[key](**stamp, ids=[item.id for item in gone])
        else:
            parameter, delete = _ONE_BY_ONE[key]
            for item in gone:
                try:
                    with transaction.atomic():
                        delete(**stamp, **{parameter: item.id})
                except ConflictError as error:
                    place = f"{KINDS[key].noun} {item.name!r}"
                    self._problems.append(Problem("--prune", 0, place, f"cannot be deleted: {error}"))

    def _stop_at_problems(self) -> None:
        if self._problems:
            order = {problem: number for number, problem in enumerate(self._problems)}
            raise FilesError(sorted(self._problems, key=lambda problem: (problem.file, problem.line, order[problem])))
