"""What can stand in a file: every kind of object, with its fields. Reader, writer and JSON Schema follow from this.

A field that a file leaves out has its default. Secrets, and what `Kind.kept` names, stay as they are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tocsin.channels.kinds import PERSONAL_CHANNELS, ROBOT_PLATFORMS
from tocsin.contacts.rules import Fallback
from tocsin.delivery.rules.lifecycle import LifecycleKind, SubscriptionState
from tocsin.events.rules import INITIAL_SEVERITY_MAP
from tocsin.files.rules.shapes import (
    Field,
    Flag,
    Listing,
    Mapped,
    MatchRule,
    Number,
    Record,
    Secret,
    Several,
    Severity,
    Shape,
    Text,
)
from tocsin.oncall.rules import Unit
from tocsin.policies.rules import LIMITED, TEMPLATE_FIELDS, Operator, Until
from tocsin.policies.rules.silencing import Effect
from tocsin.policies.rules.windows import Outside

_RULES = Listing(MatchRule(tuple(Operator)))
_TELLS = Mapped(Several(Text(tuple(PERSONAL_CHANNELS))))
_TELLS_HELP = "Who is told: contacts, groups and schedules with their channels; robots and webhooks with []."
_CLOCK = r"^([01]?[0-9]|2[0-3]):[0-5][0-9]$|^24:00$"
_DAYS = Listing(Number(1, 7))
_RULES_HELP = "All conditions of a rule hold (AND); one of the rules is enough (OR)."


@dataclass(frozen=True, slots=True)
class Kind:
    """`key` is the list in the file, `noun` one of its objects. `kept`: fields that stay when they are not named.

    `doubles`: several may have one name; those of the file then stand for those of the installation in their order.
    """

    key: str
    noun: str
    help: str
    fields: Sequence[Field]
    kept: frozenset[str] = frozenset()
    doubles: bool = False

    @property
    def record(self) -> Record:
        return Record(self.fields)

    def whole(self, given: dict[str, Any]) -> dict[str, Any]:
        """With the default of what is left out; nothing of what is kept."""
        defaults = {field.name: field.default for field in self.fields if field.name not in self.kept}
        return {name: value for name, value in {**defaults, **given}.items() if name in given or value is not None}


def _named(help: str = "") -> Field:
    return Field("name", Text(), help, is_required=True)


def _text(name: str, help: str = "", shape: Shape | None = None) -> Field:
    return Field(name, shape or Text(), help, default="")


def _enabled() -> Field:
    return Field("enabled", Flag(), default=True)


_CONTACT = (
    _named("1 to 64 characters."),
    _text("phone", "In any spelling; kept as +8613800000000. A new number has to be verified."),
    _text("email"),
    Field("fallback", Text(tuple(Fallback)), "What follows when a call fails.", default="default"),
    _text("user_id", "Of the chat tool; a tool's own ID goes before it."),
    _text("dingtalk_user_id"),
    _text("lark_user_id", "An open ID: it starts with ou_."),
    _text("wecom_user_id"),
    _text("language", "en or zh-hans; nothing is the installation's."),
    _text("time_zone", "Such as Asia/Shanghai; nothing is the installation's."),
    _text("external_id", "What the contact is recognised by, before number, address and name."),
)
_GROUP = (
    _named(),
    _text("external_id", "Given once, when the group is made."),
    Field("members", Listing(Text()), "Names of contacts.", default=[]),
)
_ROBOT = (
    _named(),
    Field("platform", Text(tuple(ROBOT_PLATFORMS)), "Cannot be changed later.", is_required=True),
    Field("url", Secret(), "The robot's webhook address, which holds its token."),
    Field("secret", Secret(), "Signs messages."),
    _text("keyword"),
    _text("provider", "Which of the platform's kinds of robots; nothing is its first."),
    Field("settings", Mapped(Secret(or_text=True)), "What that kind needs beside these; secrets by reference.",
          default={}),
    _text("app", "Of an app with buttons, instead of an address: the name of its provider account."),
    _text("chat_id", "The group that an app's robot writes to, as the platform knows it."),
    _text("language"),
    _text("time_zone"),
    Field("sends_daily", Flag(), "Daily statistics.", default=False),
    Field("daily_times", Listing(Text(pattern=_CLOCK)), "Times of day of the statistics.", default=[]),
    _enabled(),
)  # fmt: skip
_WEBHOOK = (
    _named(),
    Field("url", Secret()),
    Field("method", Text(("POST", "GET")), default="POST"),
    Field("headers", Mapped(Secret(or_text=True))),
    Field("parameters", Mapped(Secret(or_text=True)), "Of the query."),
    _text("body", "A template; nothing sends the whole alert as JSON."),
    _text("recovery_body", "Nothing is the body."),
    Field("secret", Secret(), "Signs requests."),
    _text("language"),
    _enabled(),
)
_ACCOUNT = (
    _named(),
    Field("provider", Text(), "What `tocsin provider types` lists. Cannot be changed later.", is_required=True),
    Field("settings", Mapped(Secret(or_text=True)), "By the provider's field names; secrets by reference.", default={}),
    Field("priority", Number(0, 32_767), "The lowest is tried first.", default=100),
    Field("limit_count", Number(), "At most so many messages ...", default=0),
    Field("limit_seconds", Number(), "... in so many seconds; 0 is the vendor's own limit.", default=0),
    _enabled(),
)
_INTEGRATION = (
    _named(),
    Field("severity_map", Mapped(Severity()), "Words of the label `severity`.", default=INITIAL_SEVERITY_MAP),
    Field("auto_resolve_seconds", Number(), "An event resolves so long after its last report.", default=300),
    Field("heartbeat_seconds", Number(), "Something must come this often; 0: never.", default=0),
    Field("heartbeat_rules", _RULES, "What counts as a heartbeat; nothing: any event.", default=[]),
    _text("mapping", "How its plain JSON is read; nothing is as usual."),
    _enabled(),
)
_RESTRICTION = Record(
    (
        Field("days", _DAYS, "1 is Monday, 7 Sunday.", is_required=True),
        Field("from", Text(pattern=_CLOCK), is_required=True),
        Field("until", Text(pattern=_CLOCK), is_required=True),
        Field("until_day", Number(1, 7), "Where it ends on another day than it begins."),
    )
)
_LAYER = Record(
    (
        _text("name"),
        Field("people", Listing(Text()), "Contacts, in the order of their turns.", is_required=True),
        Field("unit", Text(tuple(Unit)), is_required=True),
        Field("every", Number(1, 720), "Turns last so many units.", default=1),
        Field("starts_on", Text(pattern=r"^\d{4}-\d{2}-\d{2}$"), "The first one's first day.", is_required=True),
        Field("handover_time", Text(pattern=_CLOCK), is_required=True),
        Field("restrictions", Listing(_RESTRICTION), "On duty only then.", default=[]),
    )
)
_SCHEDULE = (
    _named(),
    _text("time_zone"),
    Field("layers", Listing(_LAYER), "Later ones take precedence.", default=[]),
    _text("lead", "A contact, who is told when nobody checks in."),
    _text("robot", "Its group hears of hand-overs."),
    Field("tells_by", Listing(Text(tuple(PERSONAL_CHANNELS))), "How whoever takes over is told.",
          default=["sms", "email"]),
    Field("check_in_minutes", Number(0, 90), "Whoever takes over says so within; 0: need not.", default=0),
)  # fmt: skip
_STEP = Record(
    (
        Field("until", Text(tuple(Until)), "What has not happened yet.", default="claimed"),
        Field("after_minutes", Number(1, 90), default=10),
        Field("tells", _TELLS, _TELLS_HELP, is_required=True),
        Field("repetitions", Number(0, 9), default=0),
        Field("every_minutes", Number(1, 90), default=5),
        Field("begins", Text(pattern=_CLOCK), "With `ends`: only at these hours.", default=""),
        Field("ends", Text(pattern=_CLOCK), default=""),
        _text("time_zone"),
    )
)
_ESCALATION = (
    _named(),
    Field("steps", Listing(_STEP), is_required=True),
    Field("rounds", Number(0, 9), "How often the chain begins again.", default=1),
    Field("claim_minutes", Number(0, 1440), "A claim lapses after; 0: it does not.", default=0),
)
_SENDING_WINDOW = Record(
    (
        Field("start", Text(pattern=_CLOCK), is_required=True),
        Field("end", Text(pattern=_CLOCK), is_required=True),
        Field("days", _DAYS, "1 is Monday, 7 Sunday.", default=list(range(1, 8))),
        Field("zone", Text(), is_required=True),
        Field("outside", Text(tuple(Outside)), default="hold"),
    )
)
STATES = ("enabled", "shadow", "disabled")
_POLICY = (
    _named(),
    Field("state", Text(STATES), "In shadow it plans and records and sends nothing.", default="enabled"),
    Field("rules", _RULES, _RULES_HELP + " None: every event.", default=[]),
    Field("sources", Listing(Text()), "Names of integrations; none: all.", default=[]),
    Field("stops_here", Flag(), "Policies after this one do not get what it takes.", default=False),
    Field("group_by", Listing(Text()), "Labels; []: one message for all.", default=["alertname"]),
    Field("group_wait_seconds", Number(0, 86_400), default=5),
    Field("group_interval_seconds", Number(0, 86_400), default=30),
    Field("tells", _TELLS, _TELLS_HELP, default={}),
    Field("sends_recovery", Flag(), default=True),
    Field("repeat_minutes", Number(0, 10_080, is_decimal=True), "Told again until it recovers or is claimed; 0: once.",
          default=0),
    _text("escalation", "Instead of repeating: the name of an escalation policy."),
    Field("severity_limits", Mapped(Severity(), LIMITED), "The mildest severity that uses a channel.", default={}),
    Field("sending_window", _SENDING_WINDOW, "When messages may go out."),
    Field("templates", Mapped(Text(), TEMPLATE_FIELDS), "Texts instead of the built-in ones.", default={}),
)  # fmt: skip
_SILENCE_WINDOW = Record(
    (
        Field("start", Text(pattern=_CLOCK), is_required=True),
        Field("end", Text(pattern=_CLOCK), is_required=True),
        Field("day", Number(1, 7), "For a weekly one: 1 is Monday."),
        Field("end_day", Number(1, 7)),
    )
)
_SILENCE = (
    _named(),
    Field("rules", _RULES, _RULES_HELP, is_required=True),
    _text("comment"),
    Field("effect", Text(tuple(Effect)), "When it is in force.", default="always"),
    Field("starts_at", Text(), "Of a period; nothing: from when it is applied first."),
    Field("ends_at", Text(), "Of a period: 2026-12-24T18:00:00+08:00."),
    Field("windows", Listing(_SILENCE_WINDOW), "Of a daily or weekly cycle.", default=[]),
    _text("time_zone"),
    _enabled(),
)
_INHIBITION = (
    _named(),
    Field("source_rules", _RULES, "While this fires ...", is_required=True),
    Field("target_rules", _RULES, "... this is quiet ...", is_required=True),
    Field("equal", Listing(Text()), "... where these labels are equal.", default=[]),
    _enabled(),
)

_SUBSCRIPTION = (
    _named("Of the webhook that hears."),
    Field("kinds", Listing(Text(tuple(LifecycleKind))), "What it hears of; nothing: everything.", default=[]),
    Field("state", Text(tuple(SubscriptionState)), "Paused keeps what happens for later; disabled forgets it.",
          default="active"),
)  # fmt: skip

KINDS = {
    kind.key: kind
    for kind in (
        Kind("contacts", "contact", "People.", _CONTACT, frozenset({"external_id"})),
        Kind("groups", "contact group", "Contacts under one name.", _GROUP, frozenset({"external_id"})),
        Kind("accounts", "provider account", "What carries messages.", _ACCOUNT),
        Kind("robots", "robot", "Chatbots of IM groups.", _ROBOT, frozenset({"url", "secret"})),
        Kind("webhooks", "webhook", "Addresses that programs listen at.", _WEBHOOK,
             frozenset({"url", "secret", "headers", "parameters"})),
        Kind("subscriptions", "life-cycle subscription", "Webhooks that hear what happens to alerts.", _SUBSCRIPTION),
        Kind("integrations", "integration", "Where events come from.", _INTEGRATION),
        Kind("schedules", "on-call schedule", "Who is on duty when.", _SCHEDULE),
        Kind("escalations", "escalation policy", "What follows when nobody reacts.", _ESCALATION),
        Kind("policies", "notification policy", "Who is told of what, in this order.", _POLICY),
        Kind("silences", "silence policy", "What is recorded and tells nobody.", _SILENCE,
             frozenset({"starts_at"}), doubles=True),
        Kind("inhibitions", "inhibition", "What is quiet while something larger fires.", _INHIBITION, doubles=True),
    )
}  # fmt: skip
"""In the order in which they are written: what is named comes before what names it."""
