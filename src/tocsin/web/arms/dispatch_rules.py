"""The older actions on dispatch rules, which Terraform's provider uses.

One that creates alerts is a notification policy here, one that discards them (`DISCARD_ALERT`) is a silence policy.
Their ids are of two tables, so those of silences come with `_DISCARDS` added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from msgspec import UNSET, UnsetType

from tocsin.accounts.rules import Permission
from tocsin.core.errors import NotFoundError
from tocsin.policies.models import NotificationPolicy, SilencePolicy
from tocsin.policies.queries import existing_policies
from tocsin.policies.services import TypedContent, create_policy, delete_policy, typed_content_of
from tocsin.policies.services.silences import create_silence, delete_silence, save_silence
from tocsin.web.arms.conditions import ConditionAsked, shown_conditions, typed_rules
from tocsin.web.arms.errors import invalid
from tocsin.web.arms.operation import Answer, Caller, Operation
from tocsin.web.arms.paging import among
from tocsin.web.arms.parameters import Id, Part, Request, read_json
from tocsin.web.arms.policies import TEMPLATE_FIELDS, read_texts, write_policy
from tocsin.web.arms.targets import PERSONAL, NotifyRule, read_targets, read_window, shown_notify_rules

_CREATES, _DISCARDS_ALERT = "CREATE_ALERT", "DISCARD_ALERT"
_DISCARDS = 10**12
_PARAMETER = "DispatchRule"
_TEXT_NAMES = {"dingContent": "robotContent"}
"""As Terraform's provider calls them here."""
NAMES = dict.fromkeys(
    ("", "name", "rules", "group_by", "group_wait", "group_interval", "targets", "repeat_every", "window_start",
     "window_end", "templates", *TEMPLATE_FIELDS), _PARAMETER,
)  # fmt: skip


class _Group(Part):
    label_match_expressions: list[ConditionAsked]


class _Grid(Part):
    label_match_expression_groups: list[_Group]


class _GroupRule(Part):
    grouping_fields: list[str] = []
    group_wait: int | UnsetType = UNSET
    group_wait_time: int | UnsetType = UNSET
    group_interval: int | UnsetType = UNSET
    repeat_interval: int | UnsetType = UNSET
    group_id: Any = None


class _Rule(Part):
    """The fields that may be anything are the original's, and passed over."""

    name: str
    dispatch_type: str = _CREATES
    is_recover: bool = True
    id: int | UnsetType = UNSET
    ruleid: int | UnsetType = UNSET
    rule_id: int | UnsetType = UNSET
    label_match_expression_grid: _Grid | UnsetType = UNSET
    group_rules: list[_GroupRule] = []
    notify_rules: list[NotifyRule] = []
    notify_template: dict[str, str] | UnsetType = UNSET
    system: Any = None
    state: Any = None


class CreateDispatchRule(Request):
    dispatch_rule: str


class UpdateDispatchRule(Request):
    dispatch_rule: str


class DeleteDispatchRule(Request):
    id: Id


class DescribeDispatchRule(Request):
    id: Id


class ListDispatchRule(Request):
    name: str = ""
    system: bool = False


def create(asked: CreateDispatchRule, caller: Caller) -> Answer:
    rule = read_json(_PARAMETER, asked.dispatch_rule, _Rule)
    if _discards(rule):
        silence = create_silence(by=caller.by, now=caller.now, name=rule.name, rules=_conditions(rule))
        return {"DispatchRuleId": _DISCARDS + silence.pk}
    policy = create_policy(by=caller.by, now=caller.now, name=rule.name, **_content(rule, TypedContent()))
    return {"DispatchRuleId": policy.pk}


def update(asked: UpdateDispatchRule, caller: Caller) -> Answer:
    """Replaces all that this action knows: what is omitted is as in a new rule, but hours and texts stay."""
    rule = read_json(_PARAMETER, asked.dispatch_rule, _Rule)
    rule_id = next((pk for pk in (rule.id, rule.ruleid, rule.rule_id) if pk is not UNSET), None)
    if rule_id is None:
        raise invalid(_PARAMETER, "The rule to update is named by its id.")
    found = _found(rule_id)
    if isinstance(found, SilencePolicy) != _discards(rule):
        raise invalid(_PARAMETER, "A rule keeps its dispatchType: delete it and create another.")
    if isinstance(found, SilencePolicy):
        save_silence(
            by=caller.by,
            now=caller.now,
            silence_id=found.pk,
            version=found.version,
            name=rule.name,
            rules=_conditions(rule),
            comment=found.comment,
            effect=found.effect,
            starts_at=found.starts_at,
            ends_at=found.ends_at,
            windows=found.windows,
            time_zone=found.time_zone,
            is_enabled=found.is_enabled,
        )
    else:
        content = typed_content_of(found.current)
        content.pop("group_by", None)
        content.pop("group_wait", None)
        content.pop("group_interval", None)
        write_policy(caller, found, rule.name, None, _content(rule, content))
    return {"Success": True}


def delete(asked: DeleteDispatchRule, caller: Caller) -> Answer:
    found = _found(asked.id)
    if isinstance(found, SilencePolicy):
        delete_silence(by=caller.by, now=caller.now, silence_id=found.pk)
    else:
        delete_policy(by=caller.by, now=caller.now, policy_id=found.pk)
    return {"Success": True}


def describe(asked: DescribeDispatchRule, caller: Caller) -> Answer:
    found = _found(asked.id)
    if isinstance(found, SilencePolicy):
        shown = {
            **_shown(found),
            "DispatchType": _DISCARDS_ALERT,
            "IsRecover": False,
            "GroupRules": [],
            "NotifyRules": [],
        }
        return {"DispatchRule": {**shown, "LabelMatchExpressionGrid": _grid(found.rules)}}
    version = found.current
    assert version is not None  # noqa: S101 (a policy that exists has one)
    told = shown_notify_rules([version])[version.pk]
    return {
        "DispatchRule": {
            **_shown(found),
            "DispatchType": _CREATES,
            "IsRecover": version.sends_recovery,
            "LabelMatchExpressionGrid": _grid(version.rules),
            "GroupRules": [
                {
                    "GroupId": version.pk,
                    "GroupingFields": version.group_by,
                    "GroupWaitTime": version.group_wait_seconds,
                    "GroupInterval": version.group_interval_seconds,
                    "RepeatInterval": version.repeat_seconds,
                }
            ],
            "NotifyRules": _notify_rules(told),
        }
    }


def list_rules(asked: ListDispatchRule, caller: Caller) -> Answer:
    """Those that create alerts, then those that discard them. None is another system's."""
    if asked.system:
        return {"DispatchRules": []}
    policies = among(existing_policies().order_by("pk"), asked.name)
    silences = among(SilencePolicy.objects.order_by("pk"), asked.name)
    return {"DispatchRules": [*map(_shown, policies), *map(_shown, silences)]}


def _discards(rule: _Rule) -> bool:
    if rule.dispatch_type not in (_CREATES, _DISCARDS_ALERT):
        raise invalid(_PARAMETER, f"dispatchType is {_CREATES} or {_DISCARDS_ALERT}.")
    return rule.dispatch_type == _DISCARDS_ALERT


def _found(rule_id: int) -> NotificationPolicy | SilencePolicy:
    if rule_id > _DISCARDS:
        silence = SilencePolicy.objects.filter(pk=rule_id - _DISCARDS).first()
        if silence is not None:
            return silence
    elif (policy := existing_policies().filter(pk=rule_id).first()) is not None:
        return policy
    raise NotFoundError("There is no such dispatch rule.")


def _conditions(rule: _Rule) -> list[list[dict[str, str]]]:
    if rule.label_match_expression_grid is UNSET:
        return []
    groups = rule.label_match_expression_grid.label_match_expression_groups
    return typed_rules(group.label_match_expressions for group in groups)


def _content(rule: _Rule, content: TypedContent) -> TypedContent:
    if len(rule.group_rules) > 1:
        raise invalid(_PARAMETER, "Name one of groupRules; several are several rules.")
    content["rules"] = _conditions(rule)
    content["targets"] = read_targets(_PARAMETER, rule.notify_rules)
    content["sending_window"] = _window(rule.notify_rules, content.get("sending_window"))
    if rule.notify_template is not UNSET:
        texts = {_TEXT_NAMES.get(name, name): text for name, text in rule.notify_template.items()}
        content["templates"] = read_texts(_PARAMETER, texts, content.get("templates", {}))
    content["sends_recovery"] = rule.is_recover
    content["repeat_every"] = None
    for group in rule.group_rules:
        content["group_by"] = group.grouping_fields
        wait = group.group_wait if group.group_wait is not UNSET else group.group_wait_time
        if wait is not UNSET:
            content["group_wait"] = _seconds(wait)
        if group.group_interval is not UNSET:
            content["group_interval"] = _seconds(group.group_interval)
        if group.repeat_interval is not UNSET and group.repeat_interval > 0:
            content["repeat_every"], content["escalation_id"] = _seconds(group.repeat_interval), None
    return content


def _window(rules: Sequence[NotifyRule], before: Any) -> Any:
    """One for the whole rule, as a policy has one; what it is when no part names hours."""
    hours = {(rule.notify_start_time, rule.notify_end_time) for rule in rules}
    if len(hours) > 1:
        raise invalid(_PARAMETER, "Give all notifyRules the same hours; others are another rule.")
    return before if hours <= {("", "")} else read_window(rules[0], before)


def _notify_rules(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One for all who are told over the same channels. Robots and webhooks have their own and stand in the first."""
    parts: dict[tuple[str, ...], list[Any]] = {}
    for item in told["NotifyObjects"]:
        parts.setdefault(tuple(item["NotifyChannels"]), []).append(item)
    alone = parts.pop((), [])
    rules: list[dict[str, Any]] = []
    for channels, items in list(parts.items()) or [((), [])]:
        is_first = not rules
        of_all = [name for name in told["NotifyChannels"] if name in channels or name not in PERSONAL]
        rules.append(
            {
                "NotifyChannels": of_all if is_first else list(channels),
                "NotifyObjects": [
                    {
                        "NotifyType": item["NotifyObjectType"],
                        "NotifyObjectId": str(item["NotifyObjectId"]),
                        "Name": item["NotifyObjectName"],
                    }
                    for item in (*items, *(alone if is_first else ()))
                ],
            }
        )
    return rules


def _seconds(typed: int) -> timedelta:
    return timedelta(seconds=max(min(typed, 10**8), -1))


def _grid(rules: Sequence[Any]) -> dict[str, Any]:
    groups = [{"LabelMatchExpressions": shown_conditions(conditions)} for conditions in rules]
    return {"LabelMatchExpressionGroups": groups}


def _shown(row: NotificationPolicy | SilencePolicy) -> dict[str, Any]:
    rule_id = row.pk + (_DISCARDS if isinstance(row, SilencePolicy) else 0)
    return {"RuleId": rule_id, "Name": row.name, "State": "true" if row.is_enabled else "false"}


OPERATIONS = (
    Operation(CreateDispatchRule, Permission.MANAGE, create, NAMES),
    Operation(UpdateDispatchRule, Permission.MANAGE, update, NAMES),
    Operation(DeleteDispatchRule, Permission.MANAGE, delete),
    Operation(DescribeDispatchRule, Permission.VIEW, describe),
    Operation(ListDispatchRule, Permission.VIEW, list_rules),
)
