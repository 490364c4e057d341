"""What ARMS's own API says of contacts, groups, robots, webhooks and policies -> files for `tocsin apply`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.core.clock import keepable
from tocsin.core.errors import InvalidInputError
from tocsin.files.rules.importing.drafting import Draft
from tocsin.policies.rules import ARMS_TEXTS, GO_MARK, parse_templates

Ask = Callable[[str, Mapping[str, str]], Mapping[str, Any]]
"""Action and parameters -> the answer."""

_PAGE = 100
_FALLBACKS = {0: "none", 1: "call", 2: "sms", 3: "default"}
_PLATFORMS = {"dingding": "dingtalk", "feishu": "lark", "wechat": "wecom"}
_CHANNELS = {"email": "email", "sms": "sms", "tts": "phone"}
_KINDS = {"CONTACT": ("contacts", "webhooks"), "ARMS_CONTACT": ("contacts", "webhooks"), "CONTACT_GROUP": ("groups",),
          "ARMS_CONTACT_GROUP": ("groups",), "DING_ROBOT_GROUP": ("robots",), "DING_ROBOT": ("robots",),
          "WEBHOOK": ("webhooks",)}  # fmt: skip
_WHOLE_DAY = ("00:00", "23:59")


def draft_of_arms(ask: Ask, *, zone: str = "Asia/Shanghai") -> Draft:
    """Asks page by page. `ask` raises NotOfferedError for an action that the other side does not have."""
    return _Import(ask, zone).made()


class NotOfferedError(Exception):
    """There is no such action."""


class _Import:
    def __init__(self, ask: Ask, zone: str) -> None:
        self._ask, self._zone = ask, zone
        self._draft = Draft()
        self._names: dict[tuple[str, int], str] = {}
        """(list in the file, ARMS's id) -> name."""

    def made(self) -> Draft:
        for row in self._rows("DescribeContacts", "AlertContacts", Verbose="true"):
            self._contact(row)
        for row in self._rows("DescribeContactGroups", "AlertContactGroups", IsDetail="true"):
            members = [self._names.get(("contacts", int(one["ContactId"]))) for one in row.get("Contacts") or ()]
            group = {"name": row["ContactGroupName"], "members": [name for name in members if name]}
            self._remember("groups", row["ContactGroupId"], group)
        for row in self._rows("DescribeIMRobots", "AlertIMRobots"):
            self._robot(row)
        for row in self._rows("DescribeWebhookContacts", "WebhookContacts"):
            self._webhook(row)
        for row in self._rows("ListNotificationPolicies", "NotificationPolicies", IsDetail="true"):
            self._policy(row)
        for row in self._rows("ListSilencePolicies", "SilencePolicies", IsDetail="true"):
            self._silence(row)
        for action, key, noun in (
            ("ListEscalationPolicies", "EscalationPolicies", "escalation policy"),
            ("ListOnCallSchedules", "OnCallSchedules", "on-call schedule"),
        ):
            for row in self._rows(action, key):
                self._draft.note(f"{noun} {row['Name']}", "is not carried; make it here, and name it where it was used")
        return self._draft

    def _rows(self, action: str, key: str, **parameters: str) -> Iterator[Mapping[str, Any]]:
        page = 1
        while True:
            try:
                answer = self._ask(action, {**parameters, "Page": str(page), "Size": str(_PAGE)})
            except NotOfferedError:
                self._draft.note(action, "is not offered there; what it lists is not carried")
                return
            answer = answer.get("PageBean") or {}
            rows = answer.get(key) or []
            yield from rows
            if page * _PAGE >= int(answer.get("Total") or 0) or not rows:
                return
            page += 1

    def _remember(self, key: str, arms_id: Any, values: Mapping[str, Any]) -> None:
        self._names[key, int(arms_id)] = self._draft.add(key, values)

    def _contact(self, row: Mapping[str, Any]) -> None:
        name, arms_id = str(row.get("ContactName") or ""), row["ContactId"]
        values = {"name": name, "phone": row.get("Phone") or "", "email": row.get("Email") or ""}
        if not (values["phone"] or values["email"]):
            self._draft.note(f"contact {name}", "has neither number nor address (an old chatbot?) and is not carried")
            return
        if "*" in values["phone"] + values["email"]:
            self._draft.note(f"contact {name}", "is shown masked to this key; use one that sees numbers and addresses")
            return
        fallback = _FALLBACKS.get(int(row.get("ReissueSendNotice") or 0), "default")
        given = {key: value for key, value in values.items() if value}
        contact = {**given, "fallback": fallback, "external_id": f"arms-{int(arms_id)}"}
        if row.get("IsVerify") and values["phone"]:
            self._draft.note(f"contact {name}", "its number is verified there and has to be verified here")
        self._remember("contacts", arms_id, contact)

    def _robot(self, row: Mapping[str, Any]) -> None:
        name, platform = str(row["RobotName"]), _PLATFORMS.get(str(row.get("Type") or ""))
        if platform is None:
            self._draft.note(f"robot {name}", f"is of the type {row.get('Type')}, which has no form here")
            return
        robot: dict[str, Any] = {"name": name, "platform": platform}
        robot["url"] = self._secret("robot", name, ("robots", name, "url"), str(row.get("RobotAddr") or ""))
        if key := row.get("DingSignKey"):
            robot["secret"] = self._secret("robot", name, ("robots", name, "secret"), str(key))
        elif platform == "dingtalk":
            robot["keyword"] = "alert"
        if row.get("DailyNoc"):
            times = [time.strip() for time in str(row.get("DailyNocTime") or "").split(",") if time.strip()]
            robot |= {"sends_daily": True, "daily_times": times}
        self._remember("robots", row["RobotId"], robot)

    def _webhook(self, row: Mapping[str, Any]) -> None:
        name, about = str(row["WebhookName"]), row.get("Webhook") or {}
        webhook: dict[str, Any] = {
            "name": name,
            "url": self._secret("webhook", name, ("webhooks", name, "url"), str(about.get("Url") or "")),
            "method": str(about.get("Method") or "Post").upper(),
        }
        for key, field in (("BizHeaders", "headers"), ("BizParams", "parameters")):
            if pairs := _pairs(about.get(key)):
                webhook[field] = {
                    part: self._secret("webhook", name, ("webhooks", name, part), value)
                    for part, value in pairs.items()
                }
        for key, field in (("Body", "body"), ("RecoverBody", "recovery_body")):
            if about.get(key):
                webhook[field] = str(about[key])
        self._remember("webhooks", row["WebhookId"], webhook)

    def _secret(self, noun: str, name: str, parts: Sequence[str], value: str) -> dict[str, str]:
        if "***" in value:
            self._draft.note(f"{noun} {name}", f"its {parts[-1]} is shown masked; set the variable by hand")
            value = ""
        return self._draft.secret(parts, value)

    def _policy(self, row: Mapping[str, Any]) -> None:
        name = str(row["Name"])
        place = f"notification policy {name}"
        notify, group = row.get("NotifyRule") or {}, row.get("GroupRule") or {}
        tells = self._tells(place, notify)
        policy: dict[str, Any] = {"name": name, "rules": _rules(row)}
        if not policy["rules"]:
            del policy["rules"]
        if str(row.get("State") or "enable").lower() not in ("enable", "true"):
            policy["state"] = "disabled"
        elif not tells:
            policy["state"] = "disabled"
            self._draft.note(place, "is disabled: it would tell nobody; name somebody and enable it")
        policy |= {
            "group_by": list(group.get("GroupingFields") or ()),
            "group_wait_seconds": int(group.get("GroupWait", 5)),
            "group_interval_seconds": max(int(group.get("GroupInterval", 30)), 1),
            "tells": tells,
            "sends_recovery": bool(row.get("SendRecoverMessage", True)),
        }
        if row.get("Repeat") and row.get("RepeatInterval"):
            policy["repeat_minutes"] = max(1, round(int(row["RepeatInterval"]) / 60))
        elif row.get("EscalationPolicyId"):
            self._draft.note(place, "its escalation policy is not carried; name one here")
        start, end = (str(notify.get(key) or "") for key in ("NotifyStartTime", "NotifyEndTime"))
        if start and end and (start, end) != _WHOLE_DAY:
            policy["sending_window"] = {"start": start, "end": end, "zone": self._zone, "outside": "hold"}
        if texts := self._texts(place, row.get("NotifyTemplate") or {}):
            policy["templates"] = texts
        if row.get("IntegrationId"):
            self._draft.note(place, "what it pushes to a ticket system is not carried")
        self._draft.add("policies", policy)

    def _texts(self, place: str, sources: Mapping[str, Any]) -> dict[str, str]:
        """In ARMS's own language, which policies read here, too."""
        found: dict[str, str] = {}
        for name, field in ARMS_TEXTS.items():
            try:
                found |= parse_templates({field: GO_MARK + str(sources.get(name) or "")})
            except InvalidInputError as error:
                self._draft.note(place, f"its {name} is not carried: {next(iter(error.fields.values()))}")
        return found

    def _tells(self, place: str, notify: Mapping[str, Any]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        common = notify.get("NotifyChannels") or []
        for item in notify.get("NotifyObjects") or ():
            kind, arms_id = str(item.get("NotifyObjectType")), int(item.get("NotifyObjectId") or 0)
            keys = [key for key in _KINDS.get(kind, ()) if (key, arms_id) in self._names]
            if not keys:
                self._draft.note(place, f"{item.get('NotifyObjectName')} ({kind}) is not carried and is not told")
                continue
            name = self._names[keys[0], arms_id]
            is_alone = sum(known == name for known in self._names.values()) == 1
            typed = item.get("NotifyChannels") or common
            channels = [_CHANNELS[channel] for channel in typed if channel in _CHANNELS]
            if keys[0] in ("robots", "webhooks"):
                channels = []
            elif not channels:
                self._draft.note(place, f"{name} has no channel of phone, sms and email and is not told")
                continue
            found[name if is_alone else f"{keys[0][:-1]}:{name}"] = channels
        return found

    def _silence(self, row: Mapping[str, Any]) -> None:
        name, kind = str(row["Name"]), str(row.get("EffectiveTimeType") or "PERMANENT")
        rules = _rules(row)
        if not rules:
            self._draft.note(f"silence policy {name}", "matches everything and is not carried")
            return
        silence: dict[str, Any] = {"name": name, "rules": rules}
        slots = row.get("TimeSlots") or "[]"
        slots = json.loads(slots) if isinstance(slots, str) else slots
        if kind == "CUSTOM_TIME" and slots:
            if len(slots) > 1:
                self._draft.note(f"silence policy {name}", "only its first period is carried")
            silence |= {"effect": "period", "starts_at": self._moment(slots[0]["startTime"]),
                        "ends_at": self._moment(slots[0]["endTime"])}  # fmt: skip
        elif kind == "CYCLE_EFFECT":
            is_weekly = row.get("TimePeriod") == "WEEK"
            silence |= {"effect": "weekly" if is_weekly else "daily", "time_zone": self._zone, "windows": [
                {"start": slot["startTime"], "end": slot["endTime"]}
                | ({"day": int(slot["startWeek"]), "end_day": int(slot["endWeek"])} if is_weekly else {})
                for slot in slots
            ]}  # fmt: skip
        if str(row.get("State") or "enable").lower() not in ("enable", "true"):
            silence["enabled"] = False
        self._draft.add("silences", silence)

    def _moment(self, text: str) -> str:
        at = datetime.fromisoformat(text.replace(" ", "T")).replace(tzinfo=ZoneInfo(self._zone))
        return keepable(at).isoformat()


def _rules(row: Mapping[str, Any]) -> list[list[dict[str, str]]]:
    listed = [
        [
            {"key": one["Key"], "operator": one["Operator"], "value": str(one["Value"])}
            for one in rule["MatchingConditions"]
        ]
        for rule in row.get("MatchingRules") or ()
    ]
    return [rule for rule in listed if rule]


def _pairs(value: Any) -> dict[str, str]:
    """A map, an array of maps, or either as JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else {}
        except ValueError:
            return {}
    maps = value if isinstance(value, list) else [value or {}]
    return {str(name): str(text) for one in maps if isinstance(one, Mapping) for name, text in one.items()}
