"""Escalation policies in the console."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.stories.harness import ADMIN, begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.contacts.services import create_contact
from tocsin.core.clock import utc_now
from tocsin.policies.models import EscalationPolicy, NotificationPolicy
from tocsin.policies.services import StepInput, create_escalation

pytestmark = pytest.mark.django_db
LIST = "console:policies_escalationpolicy_changelist"
ADD = "console:policies_escalationpolicy_add"


def typed(contact_id: int, **changes: str) -> dict[str, object]:
    return {
        "name": "Nights",
        "rounds": "2",
        "claim_minutes": "30",
        "steps-index": ["0", "1"],
        "steps-0-until": "claimed",
        "steps-0-after": "10",
        "steps-0-object": [f"contact:{contact_id}", ""],
        "steps-0-sms": ["0"],
        "steps-0-repetitions": "1",
        "steps-0-every": "5",
        "steps-0-begins": "20:00",
        "steps-0-ends": "08:00",
        "steps-0-zone": "Asia/Shanghai",
        "steps-1-until": "resolved",
        "steps-1-after": "60",
        "steps-1-object": [f"contact:{contact_id}"],
        "steps-1-phone": ["0"],
        **changes,
    }


@pytest.fixture
def ann() -> int:
    contact = create_contact(by=ADMIN, now=utc_now(), name="Ann", phone="+8613800138000", email="ann@example.org")
    return contact.pk


def test_a_chain_of_steps_is_added_read_and_changed(ann: int) -> None:
    client = signed_in(Role.MANAGER)

    response = client.post(reverse(ADD), typed(ann))

    assert response.status_code == 302, response.context["adminform"].form.errors
    policy = EscalationPolicy.objects.get()
    steps = list(policy.steps.values_list("until", "after_minutes", "repetitions", "time_zone"))
    assert (policy.name, policy.rounds, policy.claim_minutes) == ("Nights", 2, 30)
    assert steps == [("claimed", 10, 1, "Asia/Shanghai"), ("resolved", 60, 0, "")]
    assert "not claimed for 10 min; not resolved for 60 min" in client.get(reverse(LIST)).content.decode()
    page = reverse("console:policies_escalationpolicy_change", args=[policy.pk])
    shown = client.get(page).content.decode()
    assert 'name="steps-0-begins" value="20:00"' in shown
    changed = client.post(page, typed(ann, **{"steps-1-after": "45", "version": str(policy.version)}))
    assert changed.status_code == 302
    assert policy.steps.get(number=2).after_minutes == 45


def test_what_is_wrong_with_a_step_is_said_with_its_number(ann: int) -> None:
    client = signed_in(Role.MANAGER)

    late = client.post(reverse(ADD), typed(ann, **{"steps-1-after": "91"}))
    no_number = client.post(reverse(ADD), typed(ann, **{"steps-0-after": "soon"}))

    assert "Step 2: Choose 1 to 90 minutes." in late.content.decode()
    assert "Step 1: enter whole numbers." in no_number.content.decode()
    assert not EscalationPolicy.objects.exists()


def test_a_notification_policy_chooses_one_and_it_cannot_be_deleted_meanwhile(ann: int) -> None:
    client = signed_in(Role.MANAGER)
    step = StepInput(targets=[(ann, ["sms"])])
    chosen = create_escalation(by=ADMIN, now=utc_now(), name="Nights", steps=[step])
    story = begin(utc_now())
    policy = story.policy({}, is_enabled=False, name="Disks")
    page = reverse("console:policies_notificationpolicy_change", args=[policy.pk])
    form = {"name": "Disks", "group_by": "alertname", "group_wait": "5", "group_interval": "30", "rules": "",
            "targets-object": [f"contact:{ann}"], "targets-sms": ["0"], "escalation": str(chosen.pk),
            "version": str(policy.version)}  # fmt: skip

    saved = client.post(page, form)
    deleted = client.post(
        reverse("console:policies_escalationpolicy_delete", args=[chosen.pk]), {"post": "yes"}, follow=True
    )

    assert saved.status_code == 302, saved.context["adminform"].form.errors
    policy = NotificationPolicy.objects.get(pk=policy.pk)
    assert policy.current is not None
    assert policy.current.escalation_id == chosen.pk
    assert "Nights is used by Disks." in deleted.content.decode()
    shown = client.get(reverse("console:policies_escalationpolicy_change", args=[chosen.pk])).content.decode()
    assert f'href="{page}"' in shown


def test_viewers_read_the_chain(ann: int) -> None:
    client = signed_in(Role.VIEWER)
    step = StepInput(targets=[(ann, ["sms"])], repetitions=2)
    chosen = create_escalation(by=ADMIN, now=utc_now(), name="Nights", steps=[step])

    shown = client.get(reverse("console:policies_escalationpolicy_change", args=[chosen.pk])).content.decode()

    assert "not claimed for 10 min, 2 more, every 5 min:" in shown
    assert "Ann (Text message)" in shown
    assert "steps-index" not in shown
