"""One object of a file, written through the service of its kind. Fields of the service's refusal become the file's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

from tocsin.alerts.services.escalations import save_escalation
from tocsin.channels import services as accounts
from tocsin.channels.base import ProviderType
from tocsin.channels.queries import account_named
from tocsin.channels.registry import PROVIDERS, robot_provider
from tocsin.contacts import services as contacts
from tocsin.core.actors import Actor
from tocsin.core.clock import is_keepable
from tocsin.core.errors import InvalidInputError, NotFoundError
from tocsin.delivery import lifecycle
from tocsin.events.services import integrations
from tocsin.files.rules.reading import Entry
from tocsin.files.rules.shapes import SecretRef
from tocsin.files.rules.state import Item
from tocsin.oncall.services import schedules
from tocsin.policies import services as policies
from tocsin.policies.drafts import as_conditions, channels_of, names_in, typed_content
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.naming import Names
from tocsin.policies.rules import RulesError, parse_rules, rules_as_json
from tocsin.policies.services import inhibitions, silences

_FIELDS = {
    "policies": {"targets": "tells", "repeat_every": "repeat_minutes", "group_wait": "group_wait_seconds",
                 "group_interval": "group_interval_seconds", "window_start": "sending_window.start",
                 "window_end": "sending_window.end", "window_days": "sending_window.days",
                 "window_zone": "sending_window.zone", "window_outside": "sending_window.outside"},
    "groups": {"contact_ids": "members"},
    "robots": {"account": "app", "account_id": "app"},
    "schedules": {"lead_id": "lead", "robot_id": "robot"},
}  # fmt: skip
_NEEDS = "is needed for a new one: {env: VARIABLE} or {file: PATH} says where it is"


@dataclass
class Writing:
    """What is written by whom, and what is to be told of it afterwards."""

    by: Actor
    now: datetime
    secret_of: Callable[[Entry, SecretRef], str]
    """InvalidInputError on "" when it cannot be found."""
    names: Names
    tokens: dict[str, str] = field(default_factory=dict)
    """Integration -> its new token."""
    notes: list[str] = field(default_factory=list)
    had: Mapping[int, contacts.Had] = field(default_factory=dict)
    """What contacts had that made way for others of the files."""

    def secret(self, entry: Entry, where: str, value: SecretRef | str) -> str:
        if isinstance(value, str):
            return value
        try:
            return self.secret_of(entry, value)
        except InvalidInputError as error:
            raise InvalidInputError({where: error.fields[""]}) from error

    def pairs(self, entry: Entry, where: str) -> dict[str, str] | None:
        values = entry.values.get(where)
        if values is None:
            return None
        return {name: self.secret(entry, f"{where}.{name}", value) for name, value in values.items()}

    def secrets(self, entry: Entry, item: Item | None, *, needs_url: bool = True) -> dict[str, str]:
        """`url` and `secret`, where they are given; a new object needs the first."""
        if item is None and needs_url and "url" not in entry.values:
            raise InvalidInputError({"url": _NEEDS})
        return {
            name: self.secret(entry, name, entry.values[name]) for name in ("url", "secret") if name in entry.values
        }


def names_for(key: str, entries: Iterable[Entry]) -> Names:
    """Everything that entries of one kind name."""
    values = [entry.values for entry in entries]
    if key == "policies":
        return names_in(values)
    if key == "subscriptions":
        return Names(entry.name for entry in entries)
    named: set[str] = set()
    for given in values:
        named.update(given.get("members", ()), filter(None, (given.get("lead"), given.get("robot"))))
        named.update(*(layer["people"] for layer in given.get("layers", ())))
        named.update(*(step["tells"] for step in given.get("steps", ())))
    return Names(named)


def write(writing: Writing, entry: Entry, item: Item | None) -> int:
    """Creates the object, or makes the stored one as the file says; its id. InvalidInputError names the field."""
    try:
        return _WRITERS[entry.kind.key](writing, entry, entry.kind.whole(dict(entry.values)), item)
    except InvalidInputError as error:
        known = _FIELDS.get(entry.kind.key, {})
        fields = {known.get(name, _plain(name)): text for name, text in error.fields.items()}
        raise InvalidInputError(fields) from error


def make_way(pairs: Iterable[tuple[Entry, Item | None]]) -> dict[int, contacts.Had]:
    """Numbers and addresses that pass from one contact of the files to another are taken from the first one."""
    listed = list(pairs)
    return contacts.make_way_for(
        holds={item.id: item.values for _entry, item in listed if item is not None},
        typed={
            item.id if item is not None else -number: entry.kind.whole(dict(entry.values))
            for number, (entry, item) in enumerate(listed, start=1)
        },
    )


def is_as_stored(entry: Entry, item: Item | None) -> bool:
    """Surely: what is not said to be may still be the same, which the service finds out."""
    if item is None or entry.kind.key not in ("contacts", "policies"):
        return False  # of the first there may be a hundred thousand, and of the others one may name what is gone
    if entry.kind.key == "policies":
        return _comparable(entry.kind.whole(dict(entry.values))) == _comparable(entry.kind.whole(dict(item.values)))
    return all(item.values[name] == value for name, value in entry.kind.whole(dict(entry.values)).items())


def _comparable(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Rules as conditions, sources in one order."""
    return {**policy, "rules": list(map(as_conditions, policy["rules"])), "sources": sorted(policy["sources"])}


def _plain(name: str) -> str:
    return {"is_enabled": "enabled"}.get(name, name.replace("config.", "settings."))


def _contact(writing: Writing, entry: Entry, values: dict[str, Any], item: Item | None) -> int:
    if item is None:
        return contacts.create_contact(by=writing.by, now=writing.now, **values).object_id
    changed = contacts.update_contact(by=writing.by, now=writing.now, contact_id=item.id, version=None,
                                      had=writing.had.get(item.id), **values)  # fmt: skip
    if changed.uses_losing_phone:
        uses = listed(f"{use.kind} {use.name}" for use in changed.uses_losing_phone)
        writing.notes.append(f"{entry.name}'s new number has to be verified; until then no call or text by {uses}")
    return item.id


def _group(writing: Writing, entry: Entry, values: dict[str, Any], item: Item | None) -> int:
    members = [writing.names.object(name, f"members.{at}", ("contact",)) for at, name in enumerate(values["members"])]
    if item is None:
        made = contacts.create_group(by=writing.by, now=writing.now, name=values["name"], contact_ids=members,
                                     external_id=values.get("external_id") or None)  # fmt: skip
        return made.object_id
    if values.get("external_id", item.values["external_id"]) != item.values["external_id"]:
        raise InvalidInputError({"external_id": "is given once, when the group is made; leave it as it is"})
    contacts.update_group(by=writing.by, now=writing.now, group_id=item.id, version=None, name=values["name"],
                          contact_ids=members)  # fmt: skip
    if not members and item.values["members"]:
        writing.notes.append(f"the group {entry.name} has no members any more")
    return item.id


def _robot(writing: Writing, entry: Entry, values: dict[str, Any], item: Item | None) -> int:
    platform, provider, app = (values.pop(name) for name in ("platform", "provider", "app"))
    kind = robot_provider(platform, provider)
    needs_url = not app and kind is not None and any(one.name == "url" and one.is_required for one in kind.fields)
    values |= {**writing.secrets(entry, item, needs_url=needs_url), "is_enabled": values.pop("enabled")}
    values["settings"] = _configuration(writing, entry, kind)
    if item is None:
        account_id = _app(app) if app else None
        made = contacts.create_robot(by=writing.by, now=writing.now, platform=platform, provider=provider,
                                     account_id=account_id, **values)  # fmt: skip
        return made.object_id
    for name, value in (("platform", platform), ("provider", provider), ("app", app)):
        if value != item.values[name]:
            was = item.values[name] or "not set"
            raise InvalidInputError({name: f"is {was} and cannot change; use another name for the robot"})
    own = {"url", "secret", "keyword"}
    left_out = {one.name: "" for one in kind.fields if not one.is_secret and one.name not in own} if kind else {}
    values["settings"] = {**({} if app else left_out), **values["settings"]}
    contacts.update_robot(by=writing.by, now=writing.now, robot_id=item.id, version=None, **values)
    return item.id


def _webhook(writing: Writing, entry: Entry, values: dict[str, Any], item: Item | None) -> int:
    values |= {**writing.secrets(entry, item), "is_enabled": values.pop("enabled")}
    values |= {name: writing.pairs(entry, name) for name in ("headers", "parameters")}
    if item is None:
        return contacts.create_webhook(by=writing.by, now=writing.now, **values).object_id
    contacts.update_webhook(by=writing.by, now=writing.now, webhook_id=item.id, version=None, **values)
    return item.id


def _subscription(writing: Writing, entry: Entry, values: dict[str, Any], item: Item | None) -> int:
    name = values.pop("name")
    if item is None:
        try:
            webhook_id = writing.names.object(name, "name", ("webhook",))
        except InvalidInputError as error:
            text = f"no webhook is called {name!r}; name it under webhooks, too"
            raise InvalidInputError({"name": text}) from error
        return lifecycle.subscribe(by=writing.by, now=writing.now, webhook_id=webhook_id, **values).pk
    lifecycle.change_subscription(by=writing.by, now=writing.now, subscription_id=item.id, **values)
    return item.id


def _account(writing: Writing, entry: Entry, values: dict[str, Any], item: Item | None) -> int:
    kind = PROVIDERS.get(values["provider"])
    config = _configuration(writing, entry, kind)
    values |= {"is_enabled": values.pop("enabled")}
    del values["settings"]
    if item is None:
        return accounts.add_account(by=writing.by, now=writing.now, config=config, **values).pk
    if values.pop("provider") != item.values["provider"]:
        raise InvalidInputError({"provider": f"is {item.values['provider']} and cannot change; use another name"})
    left_out = {setting.name: "" for setting in kind.fields} if kind else {}
    accounts.update_account(by=writing.by, now=writing.now, account_id=item.id, config={**left_out, **config}, **values)
    return item.id


def _configuration(writing: Writing, entry: Entry, kind: ProviderType | None) -> dict[str, str]:
    """Its `settings`; secrets are given by reference only."""
    secret = {setting.name for setting in kind.fields if setting.is_secret} if kind else set()
    for name, value in (entry.values.get("settings") or {}).items():
        if name in secret and isinstance(value, str):
            text = "is a secret: {env: VARIABLE} or {file: PATH} says where it is"
            raise InvalidInputError({f"settings.{name}": text})
    return writing.pairs(entry, "settings") or {}


def _app(name: str) -> int:
    try:
        return account_named(name).pk
    except NotFoundError as error:
        raise InvalidInputError({"app": str(error)}) from error


def _integration(writing: Writing, entry: Entry, values: dict[str, Any], item: Item | None) -> int:
    try:
        rules = rules_as_json(parse_rules(values.pop("heartbeat_rules")))
    except RulesError as error:
        raise InvalidInputError({"heartbeat_rules": error.fields["rules"]}) from error
    values |= {"is_enabled": values.pop("enabled"), "heartbeat_rules": rules}
    if item is None:
        made, token = integrations.create_integration(by=writing.by, now=writing.now, **values)
        writing.tokens[made.name] = token
        return made.pk
    integrations.update_integration(by=writing.by, now=writing.now, integration_id=item.id, **values)
    return item.id


def _schedule(writing: Writing, entry: Entry, values: dict[str, Any], item: Item | None) -> int:
    names = writing.names
    layers = [
        {
            **layer,
            "people": [names.object(name, f"layers.{at}.people", ("contact",)) for name in layer["people"]],
            "restrictions": [_from_monday_0(one) for one in layer.get("restrictions") or ()],
        }
        for at, layer in enumerate(values.pop("layers"))
    ]
    lead, robot = values.pop("lead"), values.pop("robot")
    values |= {
        "layers": layers,
        "lead_id": names.object(lead, "lead", ("contact",)) if lead else None,
        "robot_id": names.object(robot, "robot", ("robot",)) if robot else None,
        "check_in_minutes": values["check_in_minutes"] or None,
    }
    if item is None:
        return schedules.create_schedule(by=writing.by, now=writing.now, **values).object_id
    schedules.update_schedule(by=writing.by, now=writing.now, schedule_id=item.id, version=None, **values)
    return item.id


def _escalation(writing: Writing, entry: Entry, values: dict[str, Any], item: Item | None) -> int:
    values["steps"] = [_step(step, f"steps.{at}", writing.names) for at, step in enumerate(values["steps"])]
    if item is None:
        return policies.create_escalation(by=writing.by, now=writing.now, **values).pk
    save_escalation(by=writing.by, now=writing.now, escalation_id=item.id, **values)
    return item.id


def _policy(writing: Writing, entry: Entry, values: dict[str, Any], item: Item | None) -> int:
    state, name = values.pop("state"), values.pop("name")
    content = typed_content(values, writing.names)
    by, now = writing.by, writing.now
    if item is None:
        made = policies.create_policy(by=by, now=now, name=name, is_enabled=state == "enabled",
                                      is_shadow=state == "shadow", **content)  # fmt: skip
        return made.pk
    if state == "disabled":  # first, since it may lose everybody it tells
        policies.disable_policy(by=by, now=now, policy_id=item.id)
    policies.save_policy(by=by, now=now, policy_id=item.id, name=name, **content)
    if state != "disabled":
        _switch(state)(by=by, now=now, policy_id=item.id)
    return item.id


def _switch(state: str) -> Callable[..., NotificationPolicy]:
    return policies.shadow_policy if state == "shadow" else policies.enable_policy


def _silence(writing: Writing, entry: Entry, values: dict[str, Any], item: Item | None) -> int:
    values["is_enabled"] = values.pop("enabled")
    if item is not None and "starts_at" in item.values:
        values.setdefault("starts_at", item.values["starts_at"])
    values |= {name: _moment(name, values.get(name)) for name in ("starts_at", "ends_at")}
    if item is None:
        return silences.create_silence(by=writing.by, now=writing.now, **values).pk
    silences.save_silence(by=writing.by, now=writing.now, silence_id=item.id, **values)
    return item.id


def _inhibition(writing: Writing, entry: Entry, values: dict[str, Any], item: Item | None) -> int:
    values["is_enabled"] = values.pop("enabled")
    if item is None:
        return inhibitions.create_inhibition(by=writing.by, now=writing.now, **values).pk
    inhibitions.save_inhibition(by=writing.by, now=writing.now, inhibition_id=item.id, **values)
    return item.id


def _step(step: Mapping[str, Any], where: str, names: Names) -> policies.StepInput:
    given = {name: value for name, value in step.items() if name not in ("tells", "begins", "ends")}
    targets = [
        (names.object(name, f"{where}.tells"), channels_of(channels)) for name, channels in step["tells"].items()
    ]
    hours = {name: _time(step.get(name) or "", f"{where}.{name}") for name in ("begins", "ends")}
    return policies.StepInput(targets=targets, begins=hours["begins"], ends=hours["ends"], **given)


def _time(text: str, where: str) -> time | None:
    hour, _colon, minute = text.partition(":")
    try:
        return time(int(hour) % 24, int(minute)) if text else None
    except ValueError as error:
        raise InvalidInputError({where: "must be a time of day like 09:00"}) from error


def _moment(where: str, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInputError({where: "must be a moment with its offset, like 2026-12-24T18:00:00+08:00"})
    if not is_keepable(moment):
        raise InvalidInputError({where: "must lie between the years 2000 and 2200"})
    return moment


def _from_monday_0(restriction: Mapping[str, Any]) -> dict[str, Any]:
    until = restriction.get("until_day")
    return {**restriction, "days": [day - 1 for day in restriction["days"]], "until_day": until - 1 if until else None}


def listed(names: Iterable[str], most: int = 10) -> str:
    found = sorted(set(names))
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")


_WRITERS: Mapping[str, Callable[[Writing, Entry, dict[str, Any], Item | None], int]] = {
    "contacts": _contact,
    "groups": _group,
    "robots": _robot,
    "webhooks": _webhook,
    "subscriptions": _subscription,
    "accounts": _account,
    "integrations": _integration,
    "schedules": _schedule,
    "escalations": _escalation,
    "policies": _policy,
    "silences": _silence,
    "inhibitions": _inhibition,
}
