"""Reads of notification policies."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from tocsin.channels.kinds import Channel
from tocsin.contacts.models import ContactGroupMember, NotificationObject
from tocsin.contacts.queries.arrays import is_one_of
from tocsin.contacts.rules import Use
from tocsin.events.models import Event
from tocsin.events.rules import INTEGRATION_KEY, EventState, IntegrationKey, match_labels, severity_of
from tocsin.events.statements import execute
from tocsin.oncall.queries import schedules_left_empty
from tocsin.policies.models import NotificationPolicy, PolicyTarget
from tocsin.policies.rules import Matcher, Mismatch, Window, condition_holds, mismatches, stored_rules, window_of

_VERSIONS = """
SELECT p.id, p.name, v.id, v.group_by::text, v.group_wait_seconds, v.group_interval_seconds,
       v.sends_recovery, v.repeat_seconds, v.escalation_id,
       v.severity_limits::text, v.sending_window::text, v.templates::text,
       (SELECT coalesce(json_agg(json_build_array(t.object_id, t.channels) ORDER BY t.id), '[]')::text
        FROM policies_policytarget t WHERE t.policy_version_id = v.id)
FROM policies_policyversion v JOIN policies_notificationpolicy p ON p.id = v.policy_id
"""


_REACHES = """
WITH told AS (
    SELECT t.object_id, t.channels FROM policies_policytarget t
    JOIN policies_notificationpolicy p ON p.current_id = t.policy_version_id
    WHERE p.is_enabled AND p.deleted_at IS NULL
), people AS (
    SELECT c.*, told.channels FROM told JOIN contacts_contact c ON c.id = told.object_id
    UNION ALL
    SELECT c.*, told.channels FROM told JOIN contacts_contactgroupmember m ON m.group_id = told.object_id
    JOIN contacts_contact c ON c.id = m.contact_id
)
SELECT EXISTS (
    SELECT 1 FROM told JOIN contacts_notificationobject o ON o.id = told.object_id
    LEFT JOIN contacts_robot r ON r.id = o.id
    WHERE o.kind NOT IN ('contact', 'group') AND r.is_enabled IS NOT FALSE
) OR EXISTS (
    SELECT 1 FROM people
    WHERE (email IS NOT NULL AND channels @> '["email"]') OR legacy_chatbot_url <> ''
       OR (phone_verified_at IS NOT NULL AND (channels @> '["phone"]' OR channels @> '["sms"]'))
)
"""


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A policy as one of its versions has it. `targets`: notification object id and, for people, its channels."""

    policy_id: int
    name: str
    version_id: int
    group_by: tuple[str, ...]
    group_wait: timedelta
    group_interval: timedelta
    sends_recovery: bool
    targets: tuple[tuple[int, tuple[Channel, ...]], ...]
    repeat_every: timedelta | None = None
    escalation_id: int | None = None
    severity_limits: Mapping[str, int] = field(default_factory=dict)
    window: Window | None = None
    templates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PolicyExplanation:
    """What a policy makes of a set of labels.

    `mismatches` says why not, rule by rule; () when its rules match. `is_other_source`: it does not listen to the
    integration. `stopped_by`: it would match, and an earlier policy of this name stops there.
    """

    policy_id: int
    name: str
    is_enabled: bool
    is_match: bool
    mismatches: tuple[Mismatch, ...]
    is_shadow: bool = False
    is_other_source: bool = False
    stopped_by: str = ""


def policy_versions(ids: Collection[int]) -> dict[int, PolicyView]:
    """Versions by their id, also old ones and those of deleted policies."""
    return {view.version_id: view for view in _views("v.id = ANY(%s)", [list(ids)])}


def existing_policies() -> QuerySet[NotificationPolicy]:
    """All that are not deleted, with their current version."""
    return NotificationPolicy.objects.filter(deleted_at__isnull=True).select_related("current")


def targets_of(version_ids: Collection[int]) -> dict[int, list[tuple[int, list[str]]]]:
    """Version -> notification object ids and channels, in their order; in one statement."""
    found: dict[int, list[tuple[int, list[str]]]] = {pk: [] for pk in version_ids}
    rows = PolicyTarget.objects.filter(policy_version_id__in=version_ids).order_by("pk")
    for version_id, object_id, channels in rows.values_list("policy_version_id", "object_id", "channels"):
        found[version_id].append((object_id, channels))
    return found


def uses_of_objects(ids: Collection[int]) -> list[Use]:
    """Which policies name these notification objects now, the disabled ones too."""
    targets = PolicyTarget.objects.filter(
        is_one_of("object_id", ids),
        policy_version__current_of__isnull=False,
        policy_version__current_of__deleted_at__isnull=True,
    ).values_list("object_id", "policy_version__policy_id", "policy_version__policy__name", "channels")
    return [
        Use(object_id=object_id, kind="policy", id=policy_id, name=name, channels=tuple(channels))
        for object_id, policy_id, name, channels in targets.order_by("policy_version__policy__name", "object_id")
    ]


def policies_left_empty(ids: Collection[int]) -> list[NotificationPolicy]:
    """Which would tell nobody any more without these notification objects, by name, the disabled ones too.

    A group that keeps no members tells nobody, nor does a schedule that keeps nobody in any layer. Policies that told
    nobody before are left out.
    """
    ids = [*ids, *(pk for pk, _name in schedules_left_empty(ids))]
    members = ContactGroupMember.objects.filter(group_id=OuterRef("object_id"))
    touched = is_one_of("object_id", ids) | Exists(members.filter(is_one_of("contact_id", ids)))
    tells = ~Q(object__kind=NotificationObject.Kind.GROUP) | Exists(members.filter(~is_one_of("contact_id", ids)))
    targets = PolicyTarget.objects.filter(policy_version__current_of__isnull=False)
    loses = list(targets.filter(touched).values_list("policy_version_id", flat=True).distinct())
    if not loses:
        return []
    keeps = targets.filter(~is_one_of("object_id", ids), tells, policy_version__in=loses).values("policy_version_id")
    return list(existing_policies().filter(current_id__in=loses).exclude(current_id__in=keeps).order_by("name", "id"))


def explain_policies(
    labels: Mapping[str, str], integration: IntegrationKey, drafts: Sequence[Matcher] | None = None
) -> list[PolicyExplanation]:
    """What each policy, also a disabled one, would make of an event with these labels from this integration.

    In their order. Integration 0 is none in particular, which every policy listens to. `drafts`: instead of the
    policies as they are, all of them enabled.
    """
    seen = match_labels(labels, severity_of(labels, integration.severity_map), integration.name)
    explanations = []
    stopped_by = stopped_shadows_by = ""
    for policy, is_enabled in _existing_matchers() if drafts is None else [(draft, True) for draft in drafts]:
        is_other = bool(policy.sources and integration.id and integration.id not in policy.sources)
        failed = mismatches(policy.rules, seen)
        stopper = stopped_shadows_by if policy.is_shadow else stopped_by
        is_match = not failed and not is_other
        explanations.append(
            PolicyExplanation(
                policy.policy_id, policy.name, is_enabled, is_match and not stopper, failed, policy.is_shadow, is_other,
                stopper if is_match else "",
            )
        )  # fmt: skip
        if is_match and not stopper and policy.stops_here:
            stopped_shadows_by = stopped_shadows_by or (policy.name if is_enabled or policy.is_shadow else "")
            stopped_by = stopped_by or (policy.name if is_enabled else "")
    return explanations


def _existing_matchers() -> list[tuple[Matcher, bool]]:
    """In their order, each with whether it is enabled."""
    return [
        (
            Matcher(
                policy_id=policy.pk,
                name=policy.name,
                version_id=policy.current.pk,
                rules=stored_rules(policy.current.rules),
                group_by=tuple(policy.current.group_by),
                group_wait=timedelta(seconds=policy.current.group_wait_seconds),
                sources=frozenset(policy.current.sources),
                stops_here=policy.current.stops_here,
                is_shadow=policy.is_shadow,
            ),
            policy.is_enabled,
        )
        for policy in existing_policies().order_by("position", "pk")
        if policy.current is not None
    ]


def policies_naming_integration(name: str, integration_id: int = 0) -> list[NotificationPolicy]:
    """Which listen to the integration by name, in their rules (an expression counts where it would match) or as a
    source; by name, the disabled ones too.
    """
    seen = {INTEGRATION_KEY: name}
    return [
        policy
        for policy in existing_policies().order_by("name", "id")
        if policy.current is not None
        and (
            integration_id in policy.current.sources
            or any(
                condition.key == INTEGRATION_KEY and condition_holds(condition, seen)
                for rule in stored_rules(policy.current.rules)
                for condition in rule
            )
        )
    ]


def is_any_enabled() -> bool:
    """Whether there is a policy that sends anything at all."""
    return existing_policies().filter(is_enabled=True).exists()


def is_anybody_reached() -> bool:
    """Whether some enabled policy names somebody who has what its channels need; one statement, however many people.

    Whether an account carries the channel is another question.
    """
    return bool(execute(_REACHES)[0][0])


def unmatched_events() -> QuerySet[Event]:
    """Active events that no policy took when they last changed, so that nobody was told; the newest first."""
    return Event.objects.filter(state=EventState.ACTIVE, matched_policies=0).order_by("-id")


def _views(condition: str, parameters: Sequence[Any] = ()) -> list[PolicyView]:
    rows = execute(f"{_VERSIONS} WHERE {condition}", parameters)
    return [
        PolicyView(
            policy_id=policy_id,
            name=name,
            version_id=version_id,
            group_by=tuple(json.loads(group_by)),
            group_wait=timedelta(seconds=wait),
            group_interval=timedelta(seconds=interval),
            sends_recovery=recovery,
            targets=tuple((object_id, tuple(map(Channel, channels))) for object_id, channels in json.loads(targets)),
            repeat_every=timedelta(seconds=repeat) if repeat else None,
            escalation_id=escalation_id,
            severity_limits=json.loads(limits),
            window=window_of(json.loads(window)) if window else None,
            templates=json.loads(templates),
        )
        for (
            policy_id,
            name,
            version_id,
            group_by,
            wait,
            interval,
            recovery,
            repeat,
            escalation_id,
            limits,
            window,
            templates,
            targets,
        ) in rows
    ]
