"""What files say of each kind of object is all that can be set of it, or is left out with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Model

from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import Contact, ContactGroup, Robot, Webhook
from tocsin.delivery.lifecycle_models import LifecycleSubscription
from tocsin.events.models import Integration
from tocsin.files.rules.kinds import KINDS
from tocsin.oncall.models import Schedule, ScheduleLayer
from tocsin.policies.models import EscalationPolicy, Inhibition, NotificationPolicy, PolicyVersion, SilencePolicy

OURS = {"object", "id", "created_at", "updated_at", "version", "deleted_at", "created_by", "uuid"}
"""Given by Tocsin."""
CALLED = {"is_enabled": "enabled", "config": "settings", "account": "app"}
ELSEWHERE: dict[type[Model], tuple[str, set[str], set[str]]] = {
    # Table: its kind, what happened to it or belongs to this installation, what the file says in other words.
    Contact: ("contacts", {"phone_verified_at", "legacy_chatbot_url", "sign_in", "is_proved", "bounced_at"}, set()),
    ContactGroup: ("groups", set(), {"members"}),
    Robot: ("robots", {"daily_due_at"}, set()),
    Webhook: ("webhooks", set(), set()),
    LifecycleSubscription: ("subscriptions", {"webhook", "delivered_at", "failed_at", "failure"}, {"name"}),
    ProviderAccount: (
        "accounts",
        {"channel", "callback_token", "last_accepted_at", "last_failed_at", "last_failure", "failures", "pauses",
         "opened_at", "paused_until"},
        set(),
    ),
    Integration: (
        "integrations",
        {"token_prefix", "token_digest", "heartbeat_at", "heartbeat_due_at", "heartbeat_missed_at", "last_event_at"},
        set(),
    ),
    Schedule: ("schedules", {"handed_to", "due_at", "feed_nonce", "feed_digest"}, {"layers"}),
    EscalationPolicy: ("escalations", set(), {"steps"}),
    NotificationPolicy: ("policies", {"is_enabled", "is_shadow", "position", "current"}, {"state"}),
    SilencePolicy: ("silences", {"turned_at", "next_change_at"}, set()),
    Inhibition: ("inhibitions", set(), set()),
}  # fmt: skip


def columns(model: type[Any]) -> set[str]:
    return {field.name for field in model._meta.concrete_fields} - OURS


@pytest.mark.parametrize("model", ELSEWHERE, ids=lambda model: model.__name__)
def test_files_say_all_that_can_be_set(model: type[Model]) -> None:
    key, left_out, added = ELSEWHERE[model]
    said = {field.name for field in KINDS[key].fields} - added

    stored = columns(model)
    if model is NotificationPolicy:
        stored |= columns(PolicyVersion) - {"policy", "number"}
        said = said - {"group_wait_seconds", "group_interval_seconds", "repeat_minutes", "tells"} | {
            "group_wait_seconds", "group_interval_seconds", "repeat_seconds"
        }  # fmt: skip

    assert {CALLED.get(name, name) for name in stored - left_out} == said, (
        "Teach files/rules/kinds.py, queries/state.py and services/writing.py the new column, or say here why not."
    )


def test_layers_say_all_that_can_be_set() -> None:
    layers = next(field for field in KINDS["schedules"].fields if field.name == "layers")

    assert set(layers.shape.schema()["items"]["properties"]) - {"people"} == columns(ScheduleLayer) - {
        "schedule", "position"
    }  # fmt: skip
