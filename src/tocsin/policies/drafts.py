"""Policies as a file describes them: read and checked as a form's content is, and stored nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tocsin.channels.kinds import Channel
from tocsin.core.errors import InvalidInputError
from tocsin.policies.naming import Names
from tocsin.policies.queries import PolicyView
from tocsin.policies.rules import Matcher, stored_rules, window_of
from tocsin.policies.services.contents import PolicyContent, TypedContent, read_content

_KEYS = ("name", "rules", "sources", "stops_here", "group_by", "group_wait_seconds", "group_interval_seconds", "tells",
         "sends_recovery", "repeat_minutes", "escalation", "severity_limits", "sending_window", "templates",
         "state")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drafts:
    """In the file's order, which is the policies'. `views` by the number that stands for the id of each."""

    matchers: tuple[Matcher, ...]
    views: Mapping[int, PolicyView]


def parse_drafts(document: Any) -> Drafts:
    """A YAML document with `policies`, also one of `tocsin dump`; those that are disabled are left out.

    Names stand for notification objects, integrations and escalation policies.

    InvalidInputError names the policy by its number, counted from 1, and the key.
    """
    listed = document.get("policies") if isinstance(document, Mapping) else None
    if not isinstance(listed, list) or not listed:
        raise InvalidInputError({"policies": "must be a list of policies; docs/policies.md shows one"})
    for number, typed in enumerate(listed, start=1):
        _check_keys(typed, f"policies[{number}]")
    names = names_in(listed)
    matchers, views = [], {}
    for number, typed in enumerate(listed, start=1):
        if typed.get("state") == "disabled":
            continue
        try:
            content = read_content(typed_content(typed, names))
        except InvalidInputError as error:
            raise InvalidInputError({f"policies[{number}].{key}": text for key, text in error.fields.items()}) from None
        matcher, views[number] = _values(number, str(typed["name"]), content)
        matchers.append(matcher)
    return Drafts(tuple(matchers), views)


def _check_keys(typed: Any, place: str) -> None:
    if not isinstance(typed, Mapping) or not typed.get("name"):
        raise InvalidInputError({place: "needs a name"})
    if unknown := [str(key) for key in typed if key not in _KEYS]:
        raise InvalidInputError({place: f"knows no {', '.join(unknown)}; it knows {', '.join(_KEYS)}"})
    for key, kind in (("rules", list), ("sources", list), ("group_by", list), ("tells", Mapping),
                      ("severity_limits", Mapping), ("sending_window", Mapping), ("templates", Mapping)):  # fmt: skip
        if typed.get(key) is not None and not isinstance(typed[key], kind):
            what = "a list" if kind is list else "names with values"
            raise InvalidInputError({f"{place}.{key}": f"must be {what}"})
    for key in ("group_wait_seconds", "group_interval_seconds", "repeat_minutes"):
        value = typed.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1_000_000:
            raise InvalidInputError({f"{place}.{key}": "must be a number"})


def names_in(listed: Iterable[Mapping[str, Any]]) -> Names:
    """What the ids of everything that these policies name are."""
    listed = list(listed)
    return Names(
        {str(name) for typed in listed for name in typed.get("tells") or {}},
        sources={str(name) for typed in listed for name in typed.get("sources") or ()},
        escalations={str(typed["escalation"]) for typed in listed if typed.get("escalation")},
    )


def typed_content(typed: Mapping[str, Any], names: Names) -> TypedContent:
    """A policy as a file describes it, for `read_content` and the services. InvalidInputError names the file's key."""
    content = TypedContent(
        rules=[as_conditions(rule) for rule in typed.get("rules") or ()],
        sources=[names.source(str(name)) for name in typed.get("sources") or ()],
        stops_here=bool(typed.get("stops_here", False)),
        sends_recovery=bool(typed.get("sends_recovery", True)),
        severity_limits={str(key): _severity(value) for key, value in (typed.get("severity_limits") or {}).items()},
        sending_window=typed.get("sending_window"),
        templates={str(key): str(value) for key, value in (typed.get("templates") or {}).items()},
        targets=[
            (names.object(str(name), "tells"), channels_of(channels))
            for name, channels in (typed.get("tells") or {}).items()
        ],
    )
    if typed.get("group_by") is not None:
        content["group_by"] = [str(name) for name in typed["group_by"]]
    for key in ("group_wait", "group_interval"):
        if (seconds := typed.get(f"{key}_seconds")) is not None:
            content[key] = timedelta(seconds=seconds)
    if typed.get("repeat_minutes"):
        content["repeat_every"] = timedelta(minutes=typed["repeat_minutes"])
    if typed.get("escalation"):
        content["escalation_id"] = names.escalation(str(typed["escalation"]))
    return content


def as_conditions(typed: Any) -> Any:
    """`{label: value}` is short for conditions that are equal; a list holds conditions of key, operator and value."""
    if not isinstance(typed, Mapping):
        return typed
    return [{"key": str(key), "operator": "eq", "value": str(value)} for key, value in typed.items()]


def channels_of(typed: Any) -> list[str]:
    return [str(channel) for channel in (typed if isinstance(typed, list) else [typed] if typed else [])]


def _severity(typed: Any) -> int:
    text = str(typed).strip().upper().removeprefix("P")
    return int(text) if text.isascii() and text.isdecimal() else 0


def _values(number: int, name: str, content: PolicyContent) -> tuple[Matcher, PolicyView]:
    wait = timedelta(seconds=content.group_wait_seconds)
    matcher = Matcher(
        policy_id=number,
        name=name,
        version_id=number,
        rules=stored_rules(content.rules),
        group_by=tuple(content.group_by),
        group_wait=wait,
        sources=frozenset(content.sources),
        stops_here=content.stops_here,
    )
    view = PolicyView(
        policy_id=number,
        name=name,
        version_id=number,
        group_by=tuple(content.group_by),
        group_wait=wait,
        group_interval=timedelta(seconds=content.group_interval_seconds),
        sends_recovery=content.sends_recovery,
        targets=tuple((pk, tuple(map(Channel, channels))) for pk, channels in content.targets),
        repeat_every=timedelta(seconds=content.repeat_seconds) if content.repeat_seconds else None,
        escalation_id=content.escalation_id,
        severity_limits=content.severity_limits,
        window=window_of(content.sending_window),
    )
    return matcher, view
