"""The form of a notification policy: what is chosen is stored and shown again; buttons move it in the list."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from tests.stories.harness import Story
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.policies.models import NotificationPolicy

pytestmark = pytest.mark.django_db
ADD = "console:policies_notificationpolicy_add"


def typed(story: Story, **more: Any) -> dict[str, Any]:
    return {
        "name": "Databases", "rules": "team = db", "group_by": "alertname", "group_wait": "5", "group_interval": "30",
        "is_enabled": "on", "targets-object": f"contact:{story.contact('Wei').pk}", "targets-email": "0", **more,
    }  # fmt: skip


def test_a_whole_policy_is_stored_and_shown_again(story: Story) -> None:
    chosen = {
        "sources": [str(story.integration.pk)], "stops_here": "on", "severity_limits-phone": "2",
        "severity_limits-robots": "6", "window-start": "22:00", "window-end": "6:30", "window-days": ["1", "5"],
        "window-zone": "Asia/Shanghai", "window-outside": "urgent",
    }  # fmt: skip
    client = signed_in(Role.MANAGER)

    reply = client.post(reverse(ADD), typed(story, **chosen))

    assert reply.status_code == 302, reply.context["adminform"].form.errors
    policy = NotificationPolicy.objects.get()
    assert policy.current is not None
    assert (policy.current.sources, policy.current.stops_here) == ([story.integration.pk], True)
    assert policy.current.severity_limits == {"phone": 2}
    assert policy.current.sending_window == {
        "start": "22:00", "end": "06:30", "days": [1, 5], "zone": "Asia/Shanghai", "outside": "urgent",
    }  # fmt: skip
    address = reverse("console:policies_notificationpolicy_change", args=[policy.pk])
    page = client.get(address).content.decode()
    assert '<option value="2" selected>only P1 to P2</option>' in page
    assert 'value="06:30"' in page
    read = signed_in(Role.VIEWER).get(address).content.decode()
    assert "22:00–06:30 (Asia/Shanghai), Mon, Fri; outside: P1 and P2 go out at once, all others wait" in read
    assert "Phone call: only P1 to P2" in read


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"sources": ["999"]}, "sources"),
        ({"severity_limits-phone": "7"}, "severity_limits"),
        ({"window-start": "9", "window-end": "17:00", "window-days": "1", "window-zone": "UTC"}, "window"),
        ({"window-start": "09:00", "window-end": "17:00", "window-zone": "UTC"}, "window"),
        ({"window-start": "09:00", "window-end": "17:00", "window-days": "1", "window-zone": "Nowhere"}, "window"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(story: Story, wrong: dict[str, Any], field: str) -> None:
    reply = signed_in(Role.MANAGER).post(reverse(ADD), typed(story, **wrong))

    assert list(reply.context["adminform"].form.errors) == [field]
    assert not NotificationPolicy.objects.exists()


def test_the_list_moves_a_policy_up_and_down(story: Story) -> None:
    wei = story.contact("Wei")
    for name in ("One", "Two", "Three"):
        story.policy({wei: ["email"]}, name=name)
    three = NotificationPolicy.objects.get(name="Three")
    client = signed_in(Role.MANAGER)
    address = reverse("console:policies_notificationpolicy_changelist")
    assert 'aria-label="Move Three up"' in client.get(address).content.decode()

    reply = client.post(reverse("console:policy_up", args=[three.pk]))

    assert reply.headers["Location"] == address
    assert [policy.name for policy in NotificationPolicy.objects.all()] == ["One", "Three", "Two"]
    assert "Move Three up" not in signed_in(Role.VIEWER).get(address).content.decode()


def test_the_list_takes_an_order_that_was_dragged_in_one_request(story: Story) -> None:
    wei = story.contact("Wei")
    one, two, three = (story.policy({wei: ["email"]}, name=name) for name in ("One", "Two", "Three"))
    client, url = signed_in(Role.MANAGER), reverse("console:policy_order")
    before, after = f"{one.pk},{two.pk},{three.pk}", f"{three.pk},{one.pk},{two.pk}"

    done = client.post(url, {"before": before, "after": after})
    late = client.post(url, {"before": before, "after": f"{two.pk},{one.pk},{three.pk}"}, follow=True)

    assert done.headers["Location"] == reverse("console:policies_notificationpolicy_changelist")
    assert [policy.name for policy in NotificationPolicy.objects.all()] == ["Three", "One", "Two"]
    assert "Somebody changed the policies or their order" in late.content.decode()
    assert signed_in(Role.RESPONDER).post(url, {"before": after, "after": before}).status_code == 403


def test_a_policy_is_made_in_shadow_and_its_report_read(story: Story) -> None:
    client = signed_in(Role.MANAGER)
    data = typed(story, rules="", is_shadow="on")
    refused = client.post(reverse(ADD), data)
    assert refused.context["adminform"].form.errors == {"is_shadow": ["Choose one of enabled and in shadow."]}
    del data["is_enabled"]

    client.post(reverse(ADD), data)

    policy = NotificationPolicy.objects.get()
    assert (policy.is_enabled, policy.is_shadow) == (False, True)
    story.fires("Disk full")
    story.passes(10)
    page = signed_in(Role.VIEWER).get(reverse("console:policy_shadow_report", args=[policy.pk])).content.decode()
    for figure in ("Messages <b>1</b>", "calls among them <b>0</b>", "Recipients <b>1</b>", "Alerts <b>1</b>"):
        assert figure in page
    assert "Wei" in page
    alerts = client.get(reverse("console:alerts_alert_changelist"))
    assert "Disk full" not in alerts.content.decode()
    assert "Disk full" in client.get(reverse("console:alerts_alert_changelist"), {"shadow": "only"}).content.decode()
    shown = client.get(reverse("console:alerts_alert_change", args=[story.alert().pk])).content.decode()
    assert "nothing of it was sent" in shown
    home = client.get(reverse("console:index"))
    assert home.context["alerts"] == {"pending": 0, "handling": 0}


def test_an_open_alert_is_put_on_the_current_policy_from_its_page(story: Story) -> None:
    policy = story.policy({story.contact("Ann"): ["email"]}, name="Databases")
    story.fires("Disk full")
    client = signed_in(Role.MANAGER)
    address = reverse("console:alerts_alert_change", args=[story.alert().pk])
    assert "Apply the current policy" not in client.get(address).content.decode()
    client.post(
        reverse("console:policies_notificationpolicy_change", args=[policy.pk]), {**typed(story), "version": "1"}
    )
    assert "Apply the current policy" in client.get(address).content.decode()
    page = client.get(reverse("console:policies_notificationpolicy_change", args=[policy.pk])).content.decode()
    assert "Apply to open alerts" in page

    client.post(reverse("console:alert_apply", args=[story.alert().pk]))

    assert story.alert().policy_version_id == NotificationPolicy.objects.get().current_id
    assert "applied version 2 of the policy" in client.get(address).content.decode()


def test_texts_are_previewed_with_a_real_event_and_their_errors_named(story: Story) -> None:
    story.fires("Other")
    story.fires("Disk full", team="db", note="<script>alert(1)</script>")
    story.fires("Newest")
    client = signed_in(Role.MANAGER)
    address = reverse("console:policies_notificationpolicy_template")

    def shown(source: str, field: str = "sms_content", rules: str = "team = db") -> str:
        return client.post(address, {"field": field, "source": source, "rules": rules}).content.decode()

    assert "With the newest event that the rules match, Disk full:" in shown("{{ title }}")
    assert "&lt;script&gt;" in shown("{{ labels.note }}")
    assert "<script>" not in shown("{{ labels.note }}")
    assert "Line 2: there is no variable titel" in shown("a\n{{ titel }}")
    assert "recovered" in shown("", "email_recover_content")
    assert "With a made-up event" in shown("{{ title }}", rules="team = nobody")
    assert "1 part, 5 characters of GSM-7" in shown("hello")
    assert "2 parts, 71 characters of UCS-2" in shown("磁" * 71)
    assert "5000 bytes; Telegram takes 4096, so the text is cut there" in shown("x" * 5000, "robot_content")
    assert "characters of" not in shown("hello", "email_content")
    assert client.post(address, {"field": "fax_content"}).status_code == 400

    wrong = {"templates-sms_content": "{{ x }}", "templates-email_title": "{{ title }"}
    reply = client.post(reverse(ADD), typed(story, **wrong))
    assert reply.context["adminform"].form.errors["templates"] == [
        "Email, Subject: Line 1: unexpected '}'",
        "Text message, Text: Line 1: there is no variable x",
    ]
