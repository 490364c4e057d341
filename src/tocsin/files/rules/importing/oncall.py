"""What the public API of Grafana OnCall answers -> files for `tocsin apply`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from tocsin.files.rules.importing.chains import Ladder, Rung, add_ladder
from tocsin.files.rules.importing.drafting import Draft
from tocsin.files.rules.importing.oncall_routes import rules_of_route
from tocsin.files.rules.importing.oncall_schedules import duties_of
from tocsin.files.rules.importing.turns import add_schedules, channels_for

RESOURCES = ("users", "teams", "personal_notification_rules", "on_call_shifts", "schedules", "webhooks",
             "escalation_chains", "escalation_policies", "integrations", "routes")  # fmt: skip
"""Of `/api/v1/<resource>/`."""
Row = Mapping[str, Any]

_CHANNELS = {"notify_by_phone_call": "phone", "notify_by_sms": "sms", "notify_by_email": "email"}
_NUMBERS = ("phone_number", "verified_phone_number", "unverified_phone_number")
"""The public API tells none; who adds one to the answer has it carried."""
_REPEATS = 5


def draft_of_oncall(answers: Mapping[str, Sequence[Row]], *, now: datetime) -> Draft:
    """`answers`: rows by resource; one that is missing is said. ValueError when nobody and nothing is there."""
    if not any(answers.get(resource) for resource in RESOURCES):
        raise ValueError(f"there is nothing of Grafana OnCall's in it; it has lists of {', '.join(RESOURCES)}")
    try:
        return _Import(answers, now).made()
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"an answer has not the form of OnCall's API: {type(error).__name__} {error}") from error


class _Import:
    def __init__(self, answers: Mapping[str, Sequence[Row]], now: datetime) -> None:
        self._answers, self._now = answers, now
        self._draft = Draft()
        self._people: dict[str, str] = {}
        self._told_by: dict[tuple[str, bool], list[str]] = {}
        self._objects: dict[tuple[str, str], list[str]] = {}
        self._members: dict[tuple[str, str], list[str]] = {}

    def made(self) -> Draft:
        for resource in RESOURCES:
            if resource not in self._answers:
                self._draft.note(resource, "is not there; what it lists is not carried")
        for row in self._rows("users"):
            self._contact(row)
        for row in self._rows("teams"):
            self._team(row)
        for row in self._rows("webhooks"):
            self._webhook(row)
        for row in self._rows("schedules"):
            self._schedule(row)
        ladders = {str(row["id"]): self._ladder(row) for row in self._rows("escalation_chains")}
        for row in self._rows("integrations"):
            self._integration(row, ladders)
        return self._draft

    def _rows(self, resource: str) -> Sequence[Row]:
        return self._answers.get(resource) or ()

    def _contact(self, row: Row) -> None:
        user, name = str(row["id"]), str(row.get("name") or row.get("username") or row.get("email") or row["id"])
        place = f"user {name}"
        phone = next((str(row[key]) for key in _NUMBERS if row.get(key)), "")
        if not (phone or row.get("email")):
            self._draft.note(place, "has neither number nor address and is not carried")
            return
        contact: dict[str, Any] = {"name": name, "external_id": f"oncall-{user}"}
        contact |= {key: value for key, value in (("phone", phone), ("email", row.get("email"))) if value}
        if (zone := str(row.get("timezone") or "")) and zone in available_timezones():
            contact["time_zone"] = zone
        self._people[user] = self._draft.add("contacts", contact)
        for is_important in (False, True):
            self._told_by[self._people[user], is_important] = self._channels(place, row, is_important)
        channels = {channel for key in (False, True) for channel in self._told_by[self._people[user], key]}
        if phone:
            self._draft.note(place, "the number has to be verified here")
        elif channels - {"email"}:
            self._draft.note(place, f"is told by {' and '.join(sorted(channels - {'email'}))}, and the API does not "
                             "tell the number: add it")  # fmt: skip

    def _channels(self, place: str, user: Row, is_important: bool) -> list[str]:
        rules = [
            row for row in self._rows("personal_notification_rules")
            if str(row.get("user_id")) == str(user["id"]) and bool(row.get("important")) == is_important
        ]  # fmt: skip
        kinds = [str(row.get("type")) for row in sorted(rules, key=_position)]
        found = list(dict.fromkeys(_CHANNELS[kind] for kind in kinds if kind in _CHANNELS))
        others = sorted({kind.removeprefix("notify_by_") for kind in kinds if kind not in _CHANNELS} - {"wait"})
        if others:
            self._draft.note(place, f"is told by {', '.join(others)} there, which a contact is not told by here")
        if "wait" in kinds and len(found) > 1:
            self._draft.note(place, f"is told by {', '.join(found)} one after the other there; here at once")
        return found or ["email"]

    def _team(self, row: Row) -> None:
        members = [
            self._people[str(user["id"])]
            for user in self._rows("users")
            if row["id"] in (user.get("teams") or ()) and str(user["id"]) in self._people
        ]
        key = ("team", str(row["id"]))
        name = self._draft.add("groups", {"name": str(row["name"]), "members": members})
        self._objects[key], self._members[key] = [name], members

    def _webhook(self, row: Row) -> None:
        name, method, url = str(row["name"]), str(row.get("http_method") or "POST"), str(row.get("url") or "")
        place, trigger = f"webhook {name}", str(row.get("trigger_type") or "escalation")
        if trigger != "escalation":
            self._draft.note(place, f"is called on {trigger}, not by an escalation, and is not carried")
            return
        if method not in ("GET", "POST"):
            self._draft.note(place, f"is called by {method}, which has no form here")
            return
        webhook: dict[str, Any] = {"name": name, "method": method}
        webhook["url"] = self._draft.secret(("webhooks", name, "url"), "" if "{{" in url else url)
        if "{{" in url:
            self._draft.note(place, "its address is made by a template; set the variable by hand")
        if row.get("authorization_header"):
            webhook["headers"] = {"Authorization": self._draft.secret(("webhooks", name, "authorization"), "")}
        if row.get("data") or row.get("headers") or row.get("trigger_template") or row.get("username"):
            self._draft.note(place, "its templates, headers and user are not carried; it gets the whole alert as JSON")
        if row.get("is_webhook_enabled") is False:
            webhook["enabled"] = False
        self._objects["webhook", str(row["id"])] = [self._draft.add("webhooks", webhook)]

    def _schedule(self, row: Row) -> None:
        name, key = str(row["name"]), ("schedule", str(row["id"]))
        place = f"schedule {name}"
        known = {str(shift["id"]): shift for shift in self._rows("on_call_shifts")}
        listed = [str(shift) for shift in row.get("shifts") or ()]
        for missing in (shift for shift in listed if shift not in known):
            self._draft.note(place, f"its shift {missing} is not there and is not carried")
        if row.get("ical_url_primary"):
            self._draft.note(place, "its turns are in an iCal calendar; write them here, until then nobody is on duty")
        if row.get("ical_url_overrides"):
            self._draft.note(
                place, "overrides from an iCal calendar are not carried; substitutes have their place here"
            )
        if (row.get("slack") or {}).get("channel_id"):
            self._draft.note(place, "what it tells a Slack channel is not carried; a robot can hear of hand-overs here")
        shifts = [known[shift] for shift in listed if shift in known]
        zone, duties = duties_of(self._draft, place, row, shifts, lambda user: self._people.get(str(user)), self._now)
        if zone not in available_timezones():
            self._draft.note(place, f"its time zone {zone} is not known here; UTC stands for it")
            zone = "UTC"
        self._objects[key] = add_schedules(self._draft, place, {"name": name, "time_zone": zone}, duties)
        self._members[key] = list(dict.fromkeys(name for duty in duties for name in duty.layer["people"]))

    def _ladder(self, chain: Row) -> Ladder:
        name = str(chain["name"])
        place = f"escalation chain {name}"
        at, repeats, hours, rungs = 0, 0, None, []
        steps = [row for row in self._rows("escalation_policies") if row.get("escalation_chain_id") == chain["id"]]
        for number, step in enumerate(sorted(steps, key=_position), start=1):
            kind, where = str(step.get("type")), f"{place}, step {number}"
            if kind == "wait":
                at += max(1, round(int(step.get("duration") or 300) / 60))
            elif kind == "repeat_escalation":
                repeats = _REPEATS
                break
            elif kind == "notify_if_time_from_to":
                hours = (str(step.get("notify_if_time_from"))[:5], str(step.get("notify_if_time_to"))[:5])
                self._draft.note(where, f"waits until {hours[0]} UTC; here steps between {hours[1]} and {hours[0]} are "
                                 "passed over")  # fmt: skip
            else:
                rungs.append(Rung(at, self._told(where, kind, step), hours))
        return add_ladder(self._draft, place, name, rungs, length=at, repeats=repeats)

    def _told(self, where: str, kind: str, step: Row) -> dict[str, list[str]]:
        """Whom a step tells, by name, with channels."""
        is_important = bool(step.get("important"))
        match kind:
            case "notify_persons" | "notify_one_person" | "notify_person_next_each_time":
                users = step.get("persons_to_notify") or step.get("persons_to_notify_next_each_time") or ()
                if kind == "notify_person_next_each_time":
                    self._draft.note(where, "tells one person after the other, each time the next; here all of them")
                people = [self._people[str(user)] for user in users if str(user) in self._people]
                if len(people) < len(users):
                    self._draft.note(where, "somebody whom it names is not carried and is not told")
                return {self._draft.told_as("contacts", name): self._told_by[name, is_important] for name in people}
            case "notify_team_members":
                return self._told_together(where, "groups", ("team", str(step.get("team_to_notify"))), is_important)
            case "notify_on_call_from_schedule":
                key = ("schedule", str(step.get("notify_on_call_from_schedule")))
                return self._told_together(where, "schedules", key, is_important)
            case "trigger_webhook":
                names = self._objects.get(("webhook", str(step.get("action_to_trigger"))), [])
                if not names:
                    self._draft.note(where, "the webhook that it calls is not carried")
                return {self._draft.told_as("webhooks", name): [] for name in names}
        self._draft.note(where, f"{kind} has no form here and is passed over")
        return {}

    def _told_together(self, where: str, kind: str, key: tuple[str, str], is_important: bool) -> dict[str, list[str]]:
        if key not in self._objects:
            self._draft.note(where, f"the {key[0]} that it names is not carried and is not told")
            return {}
        channels = channels_for(self._draft, where, self._members[key], lambda name: self._told_by[name, is_important])
        return {self._draft.told_as(kind, name): channels for name in self._objects[key]}

    def _integration(self, row: Row, ladders: Mapping[str, Ladder]) -> None:
        name, kind = str(row["name"]), str(row.get("type") or "")
        place = f"integration {name}"
        if kind == "direct_paging":
            self._draft.note(place, "pages people by hand and is not carried; an alert can be raised here")
            return
        if kind == "inbound_email":
            self._draft.note(place, "reads mail, which has no form here: something must post to it")
        if _has_text(row.get("templates")):
            self._draft.note(place, "its templates (texts, grouping, resolving) are not carried")
        if row.get("maintenance_mode"):
            self._draft.note(place, "is in maintenance there; here it is not: silence it, if it is to be quiet")
        source = self._draft.add("integrations", {"name": name})
        routes = sorted(
            (one for one in self._rows("routes") if one.get("integration_id") == row["id"]),
            key=lambda one: (bool(one.get("is_the_last_route")), _position(one)),
        )
        if not any(one.get("is_the_last_route") for one in routes) and row.get("default_route"):
            routes.append({**row["default_route"], "is_the_last_route": True})
        for number, route in enumerate(routes, start=1):
            self._policy(f"{place}, route {number}", source, route, ladders, is_last=number == len(routes))

    def _policy(self, place: str, source: str, route: Row, ladders: Mapping[str, Ladder], *, is_last: bool) -> None:
        chain = next((c for c in self._rows("escalation_chains") if c["id"] == route.get("escalation_chain_id")), None)
        ladder = ladders.get(str(route.get("escalation_chain_id")), Ladder())
        suffix = f": {chain['name']}" if chain is not None else ": nobody" if not is_last else ""
        wanted = source if is_last else f"{source[: max(1, 64 - len(suffix))]}{suffix}"
        policy: dict[str, Any] = {"name": wanted}
        rules = rules_of_route(route)
        if rules is None:
            policy["state"] = "disabled"
            taken = _one_line(route.get("routing_regex"))
            self._draft.note(place, f"what it takes has to be written by hand: {taken}; until then its policy is "
                             "disabled and its alerts go on to the next one")  # fmt: skip
        elif not ladder.first:
            policy["state"] = "disabled"
            self._draft.note(place, "tells nobody who is carried; its policy is disabled, and its alerts go on to the "
                             "next one")  # fmt: skip
        if rules:
            policy["rules"] = rules
        policy |= {"sources": [source], **ladder.policy()}
        if not is_last:
            policy["stops_here"] = True
        for tool in ("slack", "telegram", "msteams"):
            chat = route.get(tool) or {}
            if chat.get("channel_id") or chat.get("id"):
                self._draft.note(place, f"its {tool} channel is not carried; a robot can be told here")
        self._draft.add("policies", policy)


def _position(row: Row) -> int:
    return int(row.get("position") or 0)


def _has_text(value: Any) -> bool:
    """Whether any template, however deep, says something."""
    if isinstance(value, Mapping):
        return any(map(_has_text, value.values()))
    return bool(value)


def _one_line(value: Any) -> str:
    return " ".join(str(value).split())[:200]
