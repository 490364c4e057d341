"""Alertmanager's `alertmanager.yml` -> files for `tocsin apply`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.files.rules.importing.alertmanager_receivers import Receivers, list_of, mapping_of
from tocsin.files.rules.importing.alertmanager_routes import MOST_RULES, Route, Taken, flattened
from tocsin.files.rules.importing.alertmanager_times import is_local, window_of
from tocsin.files.rules.importing.drafting import Draft, free_name
from tocsin.files.rules.importing.go_yaml import is_true
from tocsin.files.rules.importing.matchers import conditions_of

_INHERITED = {"group_by": [], "group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"}
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_LONGEST_REPEAT = 10_080
_SHORTEST_REPEAT = 1
_LONGEST_WAIT = 86_400
_MOST_LABELS = 16
_MOST_ROUTES = 5_000
_DEEPEST_ROUTE = 100
_KNOWN_TOP = {"global", "route", "receivers", "inhibit_rules", "time_intervals", "mute_time_intervals", "templates"}
_KNOWN_ROUTE = {"receiver", "group_by", "group_wait", "group_interval", "repeat_interval", "continue", "matchers",
                "match", "match_re", "routes", "mute_time_intervals", "active_time_intervals"}  # fmt: skip


def draft_of_alertmanager(config: Any, *, zone: str = "UTC") -> Draft:
    """`config`: the YAML as it was loaded. `zone`: of time intervals that name none. ValueError when it is no such
    configuration.
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("route"), Mapping):
        raise ValueError("This is no Alertmanager configuration: there is no route in it.")
    draft = Draft()
    for key in sorted(set(config) - _KNOWN_TOP):
        draft.note(key, "is not known and was passed over")
    if config.get("templates"):
        draft.note("templates", "Go templates of Alertmanager's are not carried; policies have templates here")
    _check_size(config["route"])
    receivers = Receivers(config, draft)
    root = _route(config["route"], "route", {**_INHERITED, "receiver": ""}, draft, receivers)
    root.conditions, root.continues = [], False
    intervals = {
        str(mapping_of(interval, key).get("name")): interval
        for key in ("mute_time_intervals", "time_intervals")
        for interval in list_of(config.get(key), key)
    }
    for name, interval in intervals.items():
        if any(is_local(span) for span in interval.get("time_intervals") or () if isinstance(span, Mapping)):
            text = f"Local is the clock of the machine that Alertmanager runs on; {zone} (--time-zone) stands for it"
            draft.note(f"time interval {name}", text)
    for taken in flattened(root):
        _policy(taken, draft, receivers, intervals, zone)
    for number, rule in enumerate(list_of(config.get("inhibit_rules"), "inhibit_rules"), start=1):
        _inhibition(number, mapping_of(rule, f"inhibit_rules[{number}]"), draft)
    return draft


def _check_size(root: Mapping[str, Any]) -> None:
    """An alias in YAML may name what it stands in, or double a tree at each level."""
    left, count = [(root, 1)], 0
    while left:
        route, depth = left.pop()
        count += 1
        if count > _MOST_ROUTES or depth > _DEEPEST_ROUTE:
            raise ValueError(
                f"route: more than {_MOST_ROUTES} routes, or {_DEEPEST_ROUTE} in each other; does an alias name what it"
                " stands in?"
            )
        children = route.get("routes")
        if isinstance(children, list):
            left += [(child, depth + 1) for child in children if isinstance(child, Mapping)]


def _route(typed: Mapping[str, Any], place: str, above: Mapping[str, Any], draft: Draft, receivers: Receivers) -> Route:
    for key in sorted(set(typed) - _KNOWN_ROUTE):
        draft.note(place, f"{key} is not known and was passed over")
    own = {key: list_of(typed.get(key), f"{place}.{key}") for key in ("mute_time_intervals", "active_time_intervals")}
    list_of(typed.get("group_by"), f"{place}.group_by")
    given = {key: typed[key] for key in (*_INHERITED, "receiver") if typed.get(key) not in (None, [], "")}
    settings = {**above, **given}
    receiver = str(settings["receiver"])
    children = [
        _route(mapping_of(child, f"{place}.routes[{number}]"), f"{place}.routes[{number}]", settings, draft, receivers)
        for number, child in enumerate(list_of(typed.get("routes"), f"{place}.routes"), start=1)
    ]
    return Route(
        place=place,
        receiver=receiver,
        conditions=conditions_of(typed),
        continues=is_true(typed.get("continue")),
        settings={**settings, **own},
        tells=bool(receivers.targets_of(receiver)),
        children=children,
    )


def _policy(taken: Taken, draft: Draft, receivers: Receivers, intervals: Mapping[str, Any], zone: str) -> None:
    route = taken.route
    if taken.rules == []:
        draft.note(route.place, f"{route.receiver} is never reached: an earlier route takes everything")
        return
    if taken.rules is None:
        draft.note(route.place, f"what it takes would need more than {MOST_RULES} rules; write a policy for "
                   f"{route.receiver} by hand")  # fmt: skip
        return
    name = free_name(route.receiver, {known["name"] for known in draft.document["policies"]})
    targets = receivers.targets_of(route.receiver)
    policy: dict[str, Any] = {"name": name}
    if not targets:
        policy["state"] = "disabled"
        draft.note(route.place, f"the policy {name} is disabled: it would tell nobody; name somebody, enable it")
    if taken.rules != [[]]:
        policy["rules"] = [_short(rule) for rule in taken.rules]
    policy |= _times(route, draft)
    policy["tells"] = targets
    sends = receivers.sends_resolved(route.receiver)
    if not sends:
        policy["sends_recovery"] = False
    if taken.stops_here and route.place != "route":
        policy["stops_here"] = True
    window, problem = window_of(
        route.settings["active_time_intervals"], route.settings["mute_time_intervals"], intervals, zone
    )
    if window:
        policy["sending_window"] = window
    if problem:
        draft.note(route.place, f"{problem}; the policy {name} sends at any time")
    draft.document["policies"].append(policy)


def _times(route: Route, draft: Draft) -> dict[str, Any]:
    settings = route.settings
    found: dict[str, Any] = {"group_by": [str(label) for label in settings["group_by"] or ()]}
    if "..." in found["group_by"]:
        found["group_by"] = ["alertname", "instance"]
        draft.note(route.place, "group_by '...' (every label) has no form here; alertname and instance stand for it")
    if len(found["group_by"]) > _MOST_LABELS:
        draft.note(route.place, f"only the first {_MOST_LABELS} labels of group_by are carried")
        found["group_by"] = found["group_by"][:_MOST_LABELS]
    for key, least in (("group_wait", 0), ("group_interval", 1)):
        seconds = seconds_of(settings[key])
        kept = int(min(max(seconds, least), _LONGEST_WAIT))
        if kept != seconds:
            draft.note(route.place, f"{key} {settings[key]} becomes {kept} s")
        found[f"{key}_seconds"] = kept
    minutes = seconds_of(settings["repeat_interval"]) / 60
    kept_minutes = min(max(minutes, _SHORTEST_REPEAT), _LONGEST_REPEAT)
    if kept_minutes != minutes:
        draft.note(route.place, f"repeat_interval {settings['repeat_interval']} becomes {kept_minutes:g} minutes")
    found["repeat_minutes"] = int(kept_minutes) if float(kept_minutes).is_integer() else kept_minutes
    return found


def _inhibition(number: int, rule: Mapping[str, Any], draft: Draft) -> None:
    place = f"inhibit_rules[{number}]"
    source, target = conditions_of(rule, "source_"), conditions_of(rule, "target_")
    if not source or not target:
        draft.note(place, "names no source or no target and is not carried")
        return
    inhibition = {
        "name": str(rule.get("name") or f"Inhibition {number}"),
        "source_rules": [_short(source)],
        "target_rules": [_short(target)],
        "equal": [str(label) for label in list_of(rule.get("equal"), f"{place}.equal")],
    }
    draft.share("inhibitions", inhibition)


def seconds_of(duration: Any) -> float:
    """Prometheus's spelling, `1h30m`; ValueError for anything else."""
    text = str(duration).strip()
    if text == "0":
        return 0
    parts = re.findall(r"(\d+)(ms|[smhdwy])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration like 5m")
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _short(conditions: Sequence[Mapping[str, str]]) -> Any:
    """`{label: value}` where all are equal."""
    keys = [condition["key"] for condition in conditions]
    if len(set(keys)) == len(keys) and all(condition["operator"] == "eq" for condition in conditions):
        return {condition["key"]: condition["value"] for condition in conditions}
    return [dict(condition) for condition in conditions]
