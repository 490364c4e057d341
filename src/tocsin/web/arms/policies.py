"""Notification policies: `CreateOrUpdateNotificationPolicy`, `ListNotificationPolicies`, `DeleteNotificationPolicy`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

from django.db import transaction
from msgspec import UNSET, Meta, UnsetType

from tocsin.accounts.rules import Permission
from tocsin.core.errors import existing
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.queries import existing_policies
from tocsin.policies.rules import ARMS_TEXTS, GO_MARK, is_go
from tocsin.policies.services import (
    TypedContent,
    create_policy,
    delete_policy,
    disable_policy,
    enable_policy,
    save_policy,
    typed_content_of,
)
from tocsin.web.arms.conditions import read_rules, shown_rules
from tocsin.web.arms.errors import invalid, missing
from tocsin.web.arms.operation import Answer, Caller, Operation
from tocsin.web.arms.paging import among, page_of
from tocsin.web.arms.parameters import Id, Paged, Part, Request, given, read_ids, read_json
from tocsin.web.arms.targets import NotifyRule, read_targets, read_window, shown_notify_rules

TEMPLATE_FIELDS = tuple(f"templates.{field}" for field in ARMS_TEXTS.values())
NAMES = {
    "name": "Name",
    "rules": "MatchingRules",
    "group_by": "GroupRule",
    "group_wait": "GroupRule",
    "group_interval": "GroupRule",
    "targets": "NotifyRule",
    "window_start": "NotifyRule",
    "window_end": "NotifyRule",
    "repeat_every": "RepeatInterval",
    "escalation": "EscalationPolicyId",
    "templates": "NotifyTemplate",
    **dict.fromkeys(TEMPLATE_FIELDS, "NotifyTemplate"),
}
_NO_TEXTS = "null"
"""As a policy shows them that has none of its own: to send that back changes nothing."""
_Seconds = Annotated[int, Meta(ge=0, le=10**6)]
STATES = {"enable": True, "disable": False}


class CreateOrUpdateNotificationPolicy(Request):
    name: str
    id: Id | UnsetType = UNSET
    matching_rules: str | UnsetType = UNSET
    group_rule: str | UnsetType = UNSET
    notify_rule: str | UnsetType = UNSET
    notify_template: str | UnsetType = UNSET
    repeat: bool | UnsetType = UNSET
    repeat_interval: Id | UnsetType = UNSET
    escalation_policy_id: Id | UnsetType = UNSET
    send_recover_message: bool | UnsetType = UNSET
    state: str | UnsetType = UNSET


class _GroupRule(Part):
    group_wait: _Seconds | None = None
    group_interval: _Seconds | None = None
    grouping_fields: list[str] | None = None


class DeleteNotificationPolicy(Request):
    id: Id


class ListNotificationPolicies(Paged):
    directed_mode: bool = False
    ids: str | UnsetType = UNSET
    name: str = ""
    is_detail: bool = False


def create_or_update(asked: CreateOrUpdateNotificationPolicy, caller: Caller) -> Answer:
    """What is omitted stays, also what this API does not know: sources, order, limits by severity."""
    is_enabled = read_state(given(asked.state))
    if asked.id is UNSET:
        if asked.notify_rule is UNSET:
            raise missing("NotifyRule")
        policy = create_policy(
            by=caller.by,
            now=caller.now,
            name=asked.name,
            is_enabled=is_enabled is not False,
            **_content(asked, TypedContent()),
        )
    else:
        before = existing(existing_policies().filter(pk=asked.id).first(), "There is no such notification policy.")
        policy = write_policy(caller, before, asked.name, is_enabled, _content(asked, typed_content_of(before.current)))
    return {"NotificationPolicy": _shown([policy], is_whole=True)[0]}


def list_policies(asked: ListNotificationPolicies, caller: Caller) -> Answer:
    found = among(existing_policies().order_by("pk"), asked.name, read_ids("Ids", asked.ids))
    if asked.directed_mode:  # none is of that mode
        found = found.none()
    return page_of(found, asked, "NotificationPolicies", lambda policies: _shown(policies, is_whole=asked.is_detail))


def delete(asked: DeleteNotificationPolicy, caller: Caller) -> Answer:
    delete_policy(by=caller.by, now=caller.now, policy_id=asked.id)
    return {"IsSuccess": True}


def write_policy(
    caller: Caller, before: NotificationPolicy, name: str, is_enabled: bool | None, content: TypedContent
) -> NotificationPolicy:
    """The whole content, and whether it is in force unless that stays (None).

    One in shadow is shown as disabled, and stays in shadow when that is sent back. ConflictError when somebody changed
    the policy since `before`, which `content` began with, was read.
    """
    policy = before
    with transaction.atomic():
        if is_enabled is False and not policy.is_shadow:
            policy = disable_policy(by=caller.by, now=caller.now, policy_id=policy.pk, version=policy.version)
        policy = save_policy(
            by=caller.by, now=caller.now, policy_id=policy.pk, version=policy.version, name=name, **content
        )
        if is_enabled:
            policy = enable_policy(by=caller.by, now=caller.now, policy_id=policy.pk, version=policy.version)
    return policy


def read_state(state: str | None) -> bool | None:
    if state is None or state == "":
        return None
    if state.lower() not in STATES:
        raise invalid("State", f"State is one of {', '.join(STATES)}.")
    return STATES[state.lower()]


def _content(asked: CreateOrUpdateNotificationPolicy, content: TypedContent) -> TypedContent:
    """`content` with what was sent in its place."""
    if asked.matching_rules is not UNSET:
        content["rules"] = read_rules("MatchingRules", asked.matching_rules)
    if asked.group_rule is not UNSET:
        _group(content, asked.group_rule)
    if asked.notify_rule is not UNSET:
        typed = read_json("NotifyRule", asked.notify_rule, NotifyRule)
        content["targets"] = read_targets("NotifyRule", [typed])
        if typed.notify_start_time or typed.notify_end_time:
            content["sending_window"] = read_window(typed, content.get("sending_window"))
    if asked.notify_template not in (UNSET, _NO_TEXTS):
        texts = read_json("NotifyTemplate", asked.notify_template, dict[str, str])
        content["templates"] = read_texts("NotifyTemplate", texts, content.get("templates", {}))
    if asked.send_recover_message is not UNSET:
        content["sends_recovery"] = asked.send_recover_message
    _repeat(asked, content)
    return content


def _group(content: TypedContent, text: str) -> None:
    typed = read_json("GroupRule", text, _GroupRule)
    if typed.group_wait is not None:
        content["group_wait"] = timedelta(seconds=typed.group_wait)
    if typed.group_interval is not None:
        content["group_interval"] = timedelta(seconds=typed.group_interval)
    if typed.grouping_fields is not None:
        content["group_by"] = typed.grouping_fields


def _repeat(asked: CreateOrUpdateNotificationPolicy, content: TypedContent) -> None:
    """Repeats or escalates; neither when an escalation is not named. Escalation 0 takes it away."""
    if asked.escalation_policy_id == 0:
        content["escalation_id"] = None
    interval = timedelta(seconds=min(asked.repeat_interval, 10**8)) if asked.repeat_interval is not UNSET else None
    escalation_id = given(asked.escalation_policy_id) or None
    wants_repeat = given(asked.repeat)
    if wants_repeat is None:
        if interval is not None or escalation_id is not None:
            wants_repeat = escalation_id is None
        else:
            return
    if wants_repeat:
        interval = interval or content.get("repeat_every")
        if interval is None:
            raise missing("RepeatInterval")
        content["repeat_every"], content["escalation_id"] = interval, None
    else:
        content["repeat_every"] = None
        content["escalation_id"] = escalation_id or content.get("escalation_id")


def read_texts(parameter: str, typed: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """Of another program's language, but for what is sent back as it was shown; what it does not know stays."""
    known = {name[:1].lower() + name[1:]: field for name, field in ARMS_TEXTS.items()}
    found = {field: source for field, source in before.items() if field not in known.values()}
    for name, source in typed.items():
        field = known.get(name)
        if field is None:
            raise invalid(parameter, f"{parameter} has no text {name[:40]!r}; there are {', '.join(known)}.")
        if not source:
            continue
        is_same = _source(before.get(field, "")) == source
        found[field] = before[field] if is_same else GO_MARK + source
    return found


def _source(stored: str) -> str:
    return stored.removeprefix(GO_MARK) if is_go(stored) else stored


def _shown(policies: Sequence[NotificationPolicy], *, is_whole: bool) -> list[dict[str, Any]]:
    rules = shown_notify_rules([policy.current for policy in policies]) if is_whole else {}
    return [
        {**_basics(policy), **(_details(policy, rules.get(policy.current_id or 0, {})) if is_whole else {})}
        for policy in policies
    ]


def _basics(policy: NotificationPolicy) -> dict[str, Any]:
    version = policy.current
    repeats = version.repeat_seconds if version is not None else 0
    return {
        "Id": policy.pk,
        "Name": policy.name,
        "State": "enable" if policy.is_enabled else "disable",
        "DirectedMode": False,
        "SendRecoverMessage": version.sends_recovery if version is not None else True,
        "Repeat": repeats > 0,
        "RepeatInterval": repeats,
        "EscalationPolicyId": version.escalation_id if version is not None else None,
        "IntegrationId": None,
    }


def _details(policy: NotificationPolicy, notify_rule: Mapping[str, Any]) -> dict[str, Any]:
    version = policy.current
    if version is None:
        return {}
    texts = {name: _source(version.templates.get(field, "")) for name, field in ARMS_TEXTS.items()}
    return {
        "MatchingRules": shown_rules(version.rules),
        "GroupRule": {
            "GroupWait": version.group_wait_seconds,
            "GroupInterval": version.group_interval_seconds,
            "GroupingFields": version.group_by,
        },
        "NotifyRule": notify_rule,
        "NotifyTemplate": texts if any(texts.values()) else None,
    }


OPERATIONS = (
    Operation(CreateOrUpdateNotificationPolicy, Permission.MANAGE, create_or_update, NAMES),
    Operation(ListNotificationPolicies, Permission.VIEW, list_policies),
    Operation(DeleteNotificationPolicy, Permission.MANAGE, delete),
)
