"""Reads of notification policies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from tocsin.channels.kinds import Channel
from tocsin.contacts.models import ContactGroupMember, NotificationObject
from tocsin.contacts.rules import Use
from tocsin.events.models import Event
from tocsin.events.rules import EventState, IntegrationKey, match_labels, severity_of
from tocsin.policies.models import NotificationPolicy, PolicyTarget, PolicyVersion
from tocsin.policies.rules import Mismatch, Rule, mismatches, rules_match, stored_rules


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A policy as one of its versions has it. `targets`: notification object id and, for people, its channels."""

    policy_id: int
    name: str
    version_id: int
    rules: tuple[Rule, ...]
    group_by: tuple[str, ...]
    group_wait: timedelta
    group_interval: timedelta
    sends_recovery: bool
    targets: tuple[tuple[int, tuple[Channel, ...]], ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        return rules_match(self.rules, labels)


@dataclass(frozen=True, slots=True)
class PolicyExplanation:
    """What a policy makes of a set of labels. `mismatches` says why not, rule by rule; () when it matches."""

    policy_id: int
    name: str
    is_enabled: bool
    is_match: bool
    mismatches: tuple[Mismatch, ...]


def active_policies() -> list[PolicyView]:
    """The current versions of what is enabled, in two statements."""
    return _views(
        PolicyVersion.objects.filter(current_of__is_enabled=True, current_of__deleted_at__isnull=True).order_by(
            "policy_id"
        )
    )


def policy_versions(ids: Collection[int]) -> dict[int, PolicyView]:
    """Versions by their id, also old ones and those of deleted policies."""
    return {view.version_id: view for view in _views(PolicyVersion.objects.filter(pk__in=ids))}


def existing_policies() -> QuerySet[NotificationPolicy]:
    """All that are not deleted, with their current version."""
    return NotificationPolicy.objects.filter(deleted_at__isnull=True).select_related("current")


def uses_of_objects(ids: Collection[int]) -> list[Use]:
    """Which policies name these notification objects now, the disabled ones too."""
    targets = PolicyTarget.objects.filter(
        object_id__in=ids,
        policy_version__current_of__isnull=False,
        policy_version__current_of__deleted_at__isnull=True,
    ).values_list("object_id", "policy_version__policy_id", "policy_version__policy__name", "channels")
    return [
        Use(object_id=object_id, kind="policy", id=policy_id, name=name, channels=tuple(channels))
        for object_id, policy_id, name, channels in targets.order_by("policy_version__policy__name", "object_id")
    ]


def policies_left_empty(ids: Collection[int]) -> list[NotificationPolicy]:
    """Which would tell nobody any more without these notification objects, by name, the disabled ones too.

    A group that keeps no members tells nobody. Policies that told nobody before are left out.
    """
    members = ContactGroupMember.objects.filter(group_id=OuterRef("object_id"))
    touched = Q(object_id__in=ids) | Exists(members.filter(contact_id__in=ids))
    tells = ~Q(object__kind=NotificationObject.Kind.GROUP) | Exists(members.exclude(contact_id__in=ids))
    targets = PolicyTarget.objects.filter(policy_version__current_of__isnull=False)
    loses = targets.filter(touched).values("policy_version_id")
    keeps = targets.exclude(object_id__in=ids).filter(tells).values("policy_version_id")
    return list(existing_policies().filter(current_id__in=loses).exclude(current_id__in=keeps).order_by("name", "id"))


def explain_policies(labels: Mapping[str, str], integration: IntegrationKey) -> list[PolicyExplanation]:
    """What each policy, also a disabled one, would make of an event with these labels from this integration."""
    seen = match_labels(labels, severity_of(labels, integration.severity_map), integration.name)
    explanations = []
    for policy in existing_policies():
        if policy.current is not None:
            failed = mismatches(stored_rules(policy.current.rules), seen)
            explanations.append(PolicyExplanation(policy.pk, policy.name, policy.is_enabled, not failed, failed))
    return explanations


def unmatched_events() -> QuerySet[Event]:
    """Active events that no policy took when they last changed, so that nobody was told; the newest first."""
    return Event.objects.filter(state=EventState.ACTIVE, matched_policies=0).order_by("-id")


def _views(versions: QuerySet[PolicyVersion]) -> list[PolicyView]:
    rows = versions.select_related("policy").prefetch_related("targets")
    return [
        PolicyView(
            policy_id=row.policy_id,
            name=row.policy.name,
            version_id=row.pk,
            rules=stored_rules(row.rules),
            group_by=tuple(row.group_by),
            group_wait=timedelta(seconds=row.group_wait_seconds),
            group_interval=timedelta(seconds=row.group_interval_seconds),
            sends_recovery=row.sends_recovery,
            targets=_targets(row.targets.all()),
        )
        for row in rows
    ]


def _targets(targets: Iterable[PolicyTarget]) -> tuple[tuple[int, tuple[Channel, ...]], ...]:
    rows = sorted(targets, key=lambda target: target.pk)
    return tuple((row.object_id, tuple(Channel(channel) for channel in row.channels)) for row in rows)
