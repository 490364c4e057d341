"""What GoAlert answers to `goalert_query.QUERY` -> files for `tocsin apply`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tocsin.files.rules.importing.chains import FOREVER, Ladder, Rung, add_ladder
from tocsin.files.rules.importing.drafting import Draft
from tocsin.files.rules.importing.goalert_query import CONNECTIONS, Row
from tocsin.files.rules.importing.goalert_schedules import Turns
from tocsin.files.rules.importing.turns import add_schedules, channels_for

_CHANNELS = {"SMS": "sms", "VOICE": "phone", "EMAIL": "email"}
_MOST_HEARTBEAT_MINUTES = 10_080


def draft_of_goalert(nodes: Mapping[str, Sequence[Row]], *, now: datetime) -> Draft:
    """`nodes` by connection. ValueError when they have not the form that the query asks for."""
    try:
        return _Import(nodes, now).made()
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it has not the form of GoAlert's answer: {type(error).__name__} {error}") from error


class _Import:
    def __init__(self, nodes: Mapping[str, Sequence[Row]], now: datetime) -> None:
        self._nodes, self._now = nodes, now
        self._draft = Draft()
        self._people: dict[str, str] = {}
        self._told_by: dict[str, list[str]] = {}
        self._rotations = {str(row["id"]): row for row in self._rows("rotations")}
        self._schedules: dict[str, list[str]] = {}
        """GoAlert's ID of a schedule or rotation -> the schedules that stand for it."""
        self._members: dict[str, list[str]] = {}

    def made(self) -> Draft:
        for name in CONNECTIONS:
            if name not in self._nodes:
                self._draft.note(name, "are not in the answer and are not carried")
        for row in self._rows("users"):
            self._contact(row)
        turns = Turns(self._draft, self._people, self._rotations)
        for row in self._rows("schedules"):
            self._schedule(row, turns)
        self._rotations_told(turns)
        if ahead := [row for row in self._rows("userOverrides") if self._is_ahead(row)]:
            self._draft.note("overrides", f"{len(ahead)} are not carried; substitutes have their place here")
        ladders = {str(row["id"]): self._ladder(row) for row in self._rows("escalationPolicies")}
        for row in self._rows("services"):
            self._service(row, ladders)
        return self._draft

    def _rows(self, name: str) -> Sequence[Row]:
        return self._nodes.get(name) or ()

    def _contact(self, row: Row) -> None:
        name = str(row["name"])
        place = f"user {name}"
        methods = {
            str(method["id"]): method for method in row.get("contactMethods") or () if not method.get("disabled")
        }
        rules = sorted(row.get("notificationRules") or (), key=lambda rule: int(rule.get("delayMinutes") or 0))
        used = [methods[key] for rule in rules if (key := str(rule.get("contactMethodID"))) in methods]
        by_use = [*used, *(method for method in methods.values() if method not in used)]
        phone = self._only(place, "number", by_use, ("VOICE", "SMS"), "")
        email = self._only(place, "address", by_use, ("EMAIL",), str(row.get("email") or ""))
        if not (phone or email):
            self._draft.note(place, "has neither number nor address and is not carried")
            return
        contact = {"name": name, "external_id": f"goalert-{row['id']}"}
        contact |= {key: value for key, value in (("phone", phone), ("email", email)) if value}
        self._people[str(row["id"])] = added = self._draft.add("contacts", contact)
        kinds = [str(method.get("type")) for method in used]
        found = list(dict.fromkeys(_CHANNELS[kind] for kind in kinds if kind in _CHANNELS))
        if others := sorted({kind for kind in kinds if kind not in _CHANNELS}):
            self._draft.note(place, f"is told by {', '.join(others)} there, which a contact is not told by here")
        if len({int(rule.get("delayMinutes") or 0) for rule in rules}) > 1:
            self._draft.note(place, "is told by one way after the other there; here by all at once")
        if not found:
            found = ["email"] if email else ["sms"]
            self._draft.note(place, f"has no rule of how to be told that is carried; here by {found[0]}")
        if phone:
            self._draft.note(place, "the number has to be verified here")
        self._told_by[added] = found

    def _only(self, place: str, noun: str, methods: Sequence[Row], kinds: Sequence[str], default: str) -> str:
        """A contact has one of each."""
        values = list(dict.fromkeys(str(one.get("value")) for one in methods if one.get("type") in kinds))
        for other in values[1:]:
            self._draft.note(place, f"{other} is a second {noun}, and a contact has one; it is not carried")
        return values[0] if values else default

    def _schedule(self, row: Row, turns: Turns) -> None:
        name, key = str(row["name"]), str(row["id"])
        place = f"schedule {name}"
        if ahead := [one for one in row.get("temporarySchedules") or () if self._is_ahead(one)]:
            self._draft.note(place, f"{len(ahead)} temporary schedules are not carried")
        if row.get("onCallNotificationRules"):
            self._draft.note(place, "whom it tells of hand-overs is not carried; a robot can hear of them here")
        duties = turns.of_schedule(place, row)
        if not duties:
            self._draft.note(place, "nobody is ever on duty in it")
        values = {"name": name, "time_zone": str(row.get("timeZone") or "UTC")}
        self._schedules[key] = add_schedules(self._draft, place, values, duties)
        self._members[key] = list(dict.fromkeys(name for duty in duties for name in duty.layer["people"]))

    def _rotations_told(self, turns: Turns) -> None:
        """A rotation that a step names by itself is a schedule here."""
        for policy in self._rows("escalationPolicies"):
            for step in policy.get("steps") or ():
                for target in step.get("targets") or ():
                    key = str(target.get("id"))
                    if target.get("type") != "rotation" or key in self._schedules or key not in self._rotations:
                        continue
                    rotation = self._rotations[key]
                    place = f"rotation {rotation['name']}"
                    duties = turns.of_rotation(place, rotation)
                    values = {"name": str(rotation["name"]), "time_zone": str(rotation.get("timeZone") or "UTC")}
                    self._schedules[key] = add_schedules(self._draft, place, values, duties)
                    self._members[key] = list(dict.fromkeys(name for duty in duties for name in duty.layer["people"]))

    def _ladder(self, policy: Row) -> Ladder:
        name, at, rungs = str(policy["name"]), 0, []
        place = f"escalation policy {name}"
        for step in sorted(policy.get("steps") or (), key=lambda one: int(one.get("stepNumber") or 0)):
            where = f"{place}, step {int(step.get('stepNumber') or 0) + 1}"
            rungs.append(Rung(at, self._told(where, step)))
            at += max(1, int(step.get("delayMinutes") or 1))
        repeats = int(policy.get("repeat") or 0)
        return add_ladder(self._draft, place, name, rungs, length=at, repeats=FOREVER if repeats < 0 else repeats)

    def _told(self, where: str, step: Row) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for target in step.get("targets") or ():
            kind, key = str(target.get("type")), str(target.get("id"))
            name = str(target.get("name") or key)
            if kind == "user" and key in self._people:
                contact = self._people[key]
                found[self._draft.told_as("contacts", contact)] = self._told_by[contact]
            elif kind in ("schedule", "rotation") and key in self._schedules:
                channels = channels_for(self._draft, where, self._members[key], self._told_by.__getitem__)
                found |= {self._draft.told_as("schedules", one): channels for one in self._schedules[key]}
            elif kind == "chanWebhook":
                found[self._webhook(where, name, key)] = []
            else:
                self._draft.note(where, f"{kind} {name} is not carried and is not told")
        return found

    def _webhook(self, where: str, name: str, url: str) -> str:
        is_address = url.startswith(("http://", "https://"))
        if not is_address:
            self._draft.note(where, f"the address of the webhook {name} is not told; set the variable by hand")
        reference = self._draft.secret(("webhooks", name, "url"), url if is_address else "")
        beside = ("contacts", "schedules")
        return self._draft.share("webhooks", {"name": name, "url": reference}, beside=beside)

    def _service(self, row: Row, ladders: Mapping[str, Ladder]) -> None:
        name = str(row["name"])
        place = f"service {name}"
        integration: dict[str, Any] = {"name": name}
        for key in row.get("integrationKeys") or ():
            if key.get("type") in ("email", "site24x7", "universal"):
                self._draft.note(place, f"its key {key.get('name')} takes {key['type']}, which has no form here")
        monitors = row.get("heartbeatMonitors") or []
        if monitors:
            minutes = min(max(1, int(monitors[0].get("timeoutMinutes") or 1)), _MOST_HEARTBEAT_MINUTES)
            integration["heartbeat_seconds"] = minutes * 60
            self._draft.note(
                place, f"its heartbeat {monitors[0].get('name')} is anything that comes to its integration"
            )
        for monitor in monitors[1:]:
            self._draft.note(place, f"its heartbeat {monitor.get('name')} is not carried; an integration has one")
        if labels := [f"{one.get('key')}={one.get('value')}" for one in row.get("labels") or ()]:
            self._draft.note(place, f"its labels ({', '.join(labels)}) are not carried")
        if row.get("maintenanceExpiresAt") and self._is_ahead({"end": row["maintenanceExpiresAt"]}):
            self._draft.note(place, "is in maintenance there; here it is not: silence it, if it is to be quiet")
        source = self._draft.add("integrations", integration)
        ladder = ladders.get(str(row.get("escalationPolicyID")), Ladder())
        policy: dict[str, Any] = {"name": source, "sources": [source], **ladder.policy()}
        if not ladder.first:
            policy["state"] = "disabled"
            self._draft.note(place, "tells nobody who is carried; its policy is disabled")
        self._draft.add("policies", policy)

    def _is_ahead(self, row: Row) -> bool:
        return datetime.fromisoformat(str(row["end"])) > self._now
