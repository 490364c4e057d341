"""The state of an installation in the words of the files, a few statements for each kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, time
from typing import Any

from django.db.models import Prefetch, QuerySet

from tocsin.channels.base import ProviderType
from tocsin.channels.models import ProviderAccount
from tocsin.channels.registry import PROVIDERS, robot_provider
from tocsin.contacts.models import Contact, ContactGroup, ContactGroupMember, Robot, Webhook
from tocsin.delivery.lifecycle_models import LifecycleSubscription
from tocsin.events.models import Integration
from tocsin.files.rules.kinds import KINDS
from tocsin.files.rules.state import Hidden, Item, State
from tocsin.oncall.models import Schedule
from tocsin.policies.models import EscalationPolicy, Inhibition, NotificationPolicy, PolicyVersion, SilencePolicy
from tocsin.policies.naming import reference_to_gone, references_to
from tocsin.policies.rules.silencing import Effect

Ids = Collection[int] | None
"""None: all of them."""


def everything(now: datetime) -> State:
    """All that files own: without simulated accounts, contacts of whom only an imported chatbot is known, and
    silences that are over.
    """
    found: dict[str, list[Item]] = {}
    for key, items in state_of(dict.fromkeys(KINDS)).items():
        unowned = _unowned(key, now)
        found[key] = [item for item in items if item.id not in unowned]
    return found


def _unowned(key: str, now: datetime) -> frozenset[int]:
    rows: QuerySet[Any] | None = None
    if key == "contacts":
        rows = Contact.objects.filter(phone=None, email=None)
    elif key == "accounts":
        simulated = [name for name, kind in PROVIDERS.items() if kind.capabilities.is_simulated]
        rows = ProviderAccount.objects.filter(provider__in=simulated)
    elif key == "silences":
        rows = SilencePolicy.objects.filter(effect=Effect.PERIOD, ends_at__lte=now)
    return frozenset(rows.values_list("pk", flat=True)) if rows is not None else frozenset()


def state_of(ids: Mapping[str, Ids]) -> State:
    """Only of the kinds that are named."""
    return {key: _READERS[key](wanted) for key, wanted in ids.items() if wanted is None or wanted}


def _of(rows: QuerySet[Any], ids: Ids) -> QuerySet[Any]:
    return rows if ids is None else rows.filter(pk__in=ids)


def _contacts(ids: Ids) -> list[Item]:
    fields = ("phone", "email", "fallback", "user_id", "dingtalk_user_id", "lark_user_id", "wecom_user_id", "language",
              "time_zone", "external_id")  # fmt: skip
    rows = _of(Contact.objects.order_by("name", "pk"), ids).values_list("pk", "name", *fields)
    return [
        Item(
            "contacts",
            pk,
            name,
            {"name": name, **{field: value or "" for field, value in zip(fields, rest, strict=True)}},
        )
        for pk, name, *rest in rows.iterator(chunk_size=5000)
    ]


def _groups(ids: Ids) -> list[Item]:
    rows = list(_of(ContactGroup.objects.order_by("name"), ids))
    members: dict[int, list[int]] = {row.pk: [] for row in rows}
    named = ContactGroupMember.objects.filter(group_id__in=members).order_by("contact__name", "contact_id")
    for group_id, contact_id in named.values_list("group_id", "contact_id"):
        members[group_id].append(contact_id)
    names = references_to({pk for listed in members.values() for pk in listed})
    return [
        _item(
            "groups",
            row,
            external_id=row.external_id or "",
            members=_known(members[row.pk], names),
        )
        for row in rows
    ]


def _robots(ids: Ids) -> list[Item]:
    return [
        _item(
            "robots", row, platform=row.platform, **_hidden(url=row.url, secret=row.secret), keyword=row.keyword,
            provider=_provider(row), settings=_settings(row.settings, robot_provider(row.platform, row.provider)),
            app=row.account.name if row.account else "", chat_id=row.chat_id, language=row.language,
            time_zone=row.time_zone, sends_daily=row.sends_daily, daily_times=row.daily_times, enabled=row.is_enabled,
        )
        for row in _of(Robot.objects.order_by("name").select_related("account"), ids)
    ]  # fmt: skip


def _webhooks(ids: Ids) -> list[Item]:
    return [
        _item(
            "webhooks", row, **_hidden(url=row.url, secret=row.secret), method=row.method, body=row.body,
            recovery_body=row.recovery_body, language=row.language, enabled=row.is_enabled,
            **{name: _hidden(**pairs) for name in ("headers", "parameters")
               if (pairs := json.loads(getattr(row, name) or "{}"))},
        )
        for row in _of(Webhook.objects.order_by("name"), ids)
    ]  # fmt: skip


def _subscriptions(ids: Ids) -> list[Item]:
    rows = _of(LifecycleSubscription.objects.order_by("webhook__name"), ids)
    return [
        Item("subscriptions", pk, name, {"name": name, "kinds": kinds, "state": state})
        for pk, name, kinds, state in rows.values_list("pk", "webhook__name", "kinds", "state")
    ]


def _accounts(ids: Ids) -> list[Item]:
    return [
        _item(
            "accounts", row, provider=row.provider, settings=_settings(row.config, PROVIDERS.get(row.provider)),
            priority=row.priority, limit_count=row.limit_count or 0, limit_seconds=row.limit_seconds or 0,
            enabled=row.is_enabled,
        )
        for row in _of(ProviderAccount.objects.order_by("channel", "priority", "pk"), ids)
    ]  # fmt: skip


def _integrations(ids: Ids) -> list[Item]:
    return [
        _item(
            "integrations", row, severity_map=row.severity_map, auto_resolve_seconds=row.auto_resolve_seconds,
            heartbeat_seconds=row.heartbeat_seconds, heartbeat_rules=_rules(row.heartbeat_rules or []),
            mapping=row.mapping, enabled=row.is_enabled,
        )
        for row in _of(Integration.objects.order_by("name"), ids)
    ]  # fmt: skip


def _schedules(ids: Ids) -> list[Item]:
    rows = list(_of(Schedule.objects.order_by("name").prefetch_related("layers__people"), ids))
    people = {person.contact_id for row in rows for layer in row.layers.all() for person in layer.people.all()}
    people |= {pk for row in rows for pk in (row.lead_id, row.robot_id) if pk is not None}
    names = references_to(people)
    return [
        _item(
            "schedules", row, time_zone=row.time_zone, lead=names.get(row.lead_id, ""),
            robot=names.get(row.robot_id, ""), tells_by=row.tells_by, check_in_minutes=row.check_in_minutes or 0,
            layers=[
                _trimmed(
                    {"name": "", "restrictions": []}, name=layer.name,
                    people=_known((person.contact_id for person in layer.people.all()), names), unit=layer.unit,
                    every=layer.every, starts_on=layer.starts_on.isoformat(), handover_time=_clock(layer.handover_time),
                    restrictions=list(map(_restriction, layer.restrictions)),
                )
                for layer in row.layers.all()
                if layer.people.all()
            ],
        )
        for row in rows
    ]  # fmt: skip


def _escalations(ids: Ids) -> list[Item]:
    rows = EscalationPolicy.objects.filter(deleted_at__isnull=True).order_by("name").prefetch_related("steps__targets")
    listed = list(_of(rows, ids))
    names = _target_names(step.targets.all() for row in listed for step in row.steps.all())
    return [
        _item(
            "escalations", row, rounds=row.rounds, claim_minutes=row.claim_minutes,
            steps=[
                _trimmed(
                    {"repetitions": 0, "every_minutes": 5, "begins": "", "ends": "", "time_zone": ""},
                    until=step.until, after_minutes=step.after_minutes, tells=_tells(step.targets.all(), names),
                    repetitions=step.repetitions, every_minutes=step.every_minutes, begins=_clock(step.begins),
                    ends=_clock(step.ends), time_zone=step.time_zone,
                )
                for step in row.steps.all()
            ],
        )
        for row in listed
    ]  # fmt: skip


def _policies(ids: Ids) -> list[Item]:
    versions = PolicyVersion.objects.select_related("escalation").prefetch_related("targets")
    rows = NotificationPolicy.objects.filter(deleted_at__isnull=True).order_by("position", "pk")
    listed = list(_of(rows.prefetch_related(Prefetch("current", versions)), ids))
    names = _target_names(row.current.targets.all() for row in listed if row.current)
    sources = dict(Integration.objects.values_list("pk", "name"))
    return [_item("policies", row, state=_state(row), **_content(row.current, names, sources)) for row in listed]


def _content(version: PolicyVersion | None, names: Mapping[int, str], sources: Mapping[int, str]) -> dict[str, Any]:
    if version is None:
        return {}
    minutes = version.repeat_seconds / 60
    content = {
        "rules": _rules(version.rules),
        "sources": sorted(sources.get(pk) or reference_to_gone(pk) for pk in version.sources),
        "stops_here": version.stops_here,
        "group_by": version.group_by,
        "group_wait_seconds": version.group_wait_seconds,
        "group_interval_seconds": version.group_interval_seconds,
        "tells": _tells(version.targets.all(), names),
        "sends_recovery": version.sends_recovery,
        "repeat_minutes": int(minutes) if minutes.is_integer() else minutes,
        "escalation": version.escalation.name if version.escalation and not version.escalation.deleted_at else "",
        "severity_limits": version.severity_limits,
        "templates": version.templates,
    }
    return content | ({"sending_window": version.sending_window} if version.sending_window else {})


def _silences(ids: Ids) -> list[Item]:
    return [
        _item(
            "silences", row, rules=_rules(row.rules), comment=row.comment, effect=row.effect, time_zone=row.time_zone,
            windows=[_trimmed({"day": 0, "end_day": 0}, **window) for window in row.windows], enabled=row.is_enabled,
            **{name: value.isoformat() for name in ("starts_at", "ends_at") if (value := getattr(row, name))},
        )
        for row in _of(SilencePolicy.objects.order_by("pk"), ids)
    ]  # fmt: skip


def _inhibitions(ids: Ids) -> list[Item]:
    return [
        _item("inhibitions", row, source_rules=_rules(row.source_rules), target_rules=_rules(row.target_rules),
              equal=row.equal, enabled=row.is_enabled)
        for row in _of(Inhibition.objects.order_by("pk"), ids)
    ]  # fmt: skip


def _item(kind: str, row: Any, /, **values: Any) -> Item:
    return Item(kind, row.pk, row.name, {"name": row.name, **values})


def _settings(config: str, kind: ProviderType | None) -> dict[str, Any]:
    """Of an account or robot; of a kind that this version does not have, everything is a secret."""
    secret = {field.name for field in kind.fields if field.is_secret} if kind else set()
    values: dict[str, str] = json.loads(config or "{}")
    return {name: Hidden.of(value) if kind is None or name in secret else value for name, value in values.items()}


def _provider(row: Robot) -> str:
    """ "" for the platform's first, and for one of an app."""
    first = robot_provider(row.platform)
    return "" if row.account_id or first is None or row.provider in ("", first.name) else row.provider


def _known(ids: Iterable[int], names: Mapping[int, str]) -> list[str]:
    return [names[pk] for pk in ids if pk in names]


def _hidden(**secrets: str) -> dict[str, Hidden]:
    return {name: Hidden.of(value) for name, value in secrets.items() if value}


def _trimmed(defaults: Mapping[str, Any], /, **values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}


def _rules(stored: Iterable[Sequence[Mapping[str, str]]]) -> list[Any]:
    return list(map(_rule, stored))


def _rule(conditions: Sequence[Mapping[str, str]]) -> Any:
    """`{label: value}` where all are equal."""
    keys = [condition["key"] for condition in conditions]
    if len(set(keys)) == len(keys) and all(condition["operator"] == "eq" for condition in conditions):
        return {condition["key"]: condition["value"] for condition in conditions}
    return [{name: condition[name] for name in ("key", "operator", "value")} for condition in conditions]


def _restriction(stored: Mapping[str, Any]) -> dict[str, Any]:
    found = {"days": [day + 1 for day in stored["days"]], "from": stored["from"], "until": stored["until"]}
    return found if stored.get("until_day") is None else {**found, "until_day": stored["until_day"] + 1}


def _target_names(listed: Iterable[Iterable[Any]]) -> dict[int, str]:
    return references_to({target.object_id for targets in listed for target in targets})


def _tells(targets: Iterable[Any], names: Mapping[int, str]) -> dict[str, list[str]]:
    ordered = sorted(targets, key=lambda target: target.pk)
    return {names[target.object_id]: target.channels for target in ordered if target.object_id in names}


def _state(row: NotificationPolicy) -> str:
    return "enabled" if row.is_enabled else "shadow" if row.is_shadow else "disabled"


def _clock(at: time | None) -> str:
    return f"{at:%H:%M}" if at else ""


_READERS: Mapping[str, Callable[[Ids], list[Item]]] = {
    "contacts": _contacts,
    "groups": _groups,
    "robots": _robots,
    "webhooks": _webhooks,
    "subscriptions": _subscriptions,
    "accounts": _accounts,
    "integrations": _integrations,
    "schedules": _schedules,
    "escalations": _escalations,
    "policies": _policies,
    "silences": _silences,
    "inhibitions": _inhibitions,
}
