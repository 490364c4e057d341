"""The checklist of the first run: what is missing, for whom, and that it comes back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from auditlog.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.stories.harness import ADMIN, Story
from tests.web.people import signed_in
from tocsin.accounts.models import SetAside
from tocsin.accounts.rules import Role
from tocsin.alerts.models import Alert
from tocsin.channels.health import Health, record_health
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import Contact
from tocsin.delivery.models import Delivery
from tocsin.events.models import Event
from tocsin.events.queries import key_of
from tocsin.events.services import create_integration, disable_integration, note_reports
from tocsin.policies.queries import is_anybody_reached

pytestmark = pytest.mark.django_db
HOME = "/console/"


def missing(client: Client) -> dict[str, str]:
    """Title -> what is missing, of the steps that are not done."""
    checklist = client.get(HOME).context["checklist"]
    return {step.title: step.missing for step in checklist.steps if step.missing}


def mail(story: Story, host: str = "mail.example.org") -> ProviderAccount:
    return story.account("smtp", **{"host": host, "from": "alerts@example.org"})


def complete(story: Story) -> None:
    """Everything that the checklist asks for."""
    story.policy({story.contact("Wei"): ["email"]}, name="Databases")
    event = story.fires("DiskFull")
    note_reports(integration=key_of(story.integration), now=story.now)
    story.passes(6)
    told = Delivery.objects.filter(notification__alert__memberships__event=event)
    told.update(account=mail(story), state="accepted")
    story.account("http_sms", preset="kannel", url="https://sms.example.org", username="u", password="p")
    story.account("twilio_voice", account_sid="AC" + "0" * 32, auth_token="s3cret-word", sender="+15005550006")


def test_a_fresh_installation_is_told_each_thing_that_is_missing(story: Story, settings: Any) -> None:
    settings.PUBLIC_URL = ""
    reply = signed_in(Role.ADMIN).get(HOME)

    steps = {step.title: step for step in reply.context["checklist"].steps}
    assert {title for title, step in steps.items() if step.missing} == {
        "People can open links", "Mail goes out", "Text messages go out", "Phone calls go out",
        "A contact with a verified number",
        "Events come in", "A policy reaches somebody", "A test alert arrived",
    }  # fmt: skip
    assert steps["Mail goes out"].url == reverse("console:channels_provideraccount_add")
    assert steps["A contact with a verified number"].url == reverse("console:contacts_contact_add")
    assert steps["Events come in"].url == reverse("console:events_integration_add")
    assert steps["People can open links"].url == ""
    assert "Before anybody can be told" in reply.text


def test_what_is_done_no_longer_asks_and_all_of_it_can_be_hidden(story: Story) -> None:
    complete(story)
    client = signed_in(Role.MANAGER)

    done = client.get(HOME)
    client.post(reverse("console:hide-first-run"))
    hidden = client.get(HOME)

    assert missing(signed_in(Role.MANAGER)) == {}
    assert "Everything is set up" in done.text
    assert "Everything is set up" not in hidden.text
    assert hidden.context["checklist"] is None


def test_it_comes_back_when_something_breaks(story: Story) -> None:
    complete(story)
    client = signed_in(Role.ADMIN)
    client.post(reverse("console:hide-first-run"))
    account = mail(story, "other.example.org")
    record_health([Health(account.pk, failed_at=story.now, failure="550 refused")], story.now)
    one_of_two = client.get(HOME).context["checklist"]

    for other in type(account).objects.filter(provider="smtp"):
        record_health([Health(other.pk, failed_at=story.now, failure="550 refused")], story.now)
    both = missing(client)
    disable_integration(by=ADMIN, now=story.now, integration_id=story.integration.pk)

    assert one_of_two is None
    assert list(both) == ["Mail goes out"]
    assert "550 refused" in both["Mail goes out"]
    assert "Events come in" in missing(client)
    record_health([Health(account.pk, accepted_at=story.now + timedelta(seconds=1))], story.now)
    assert "Mail goes out" not in missing(client)


def test_while_nothing_carries_calls_the_line_says_what_follows_instead(story: Story) -> None:
    empty = signed_in(Role.MANAGER).get(HOME)
    complete(story)
    full = signed_in(Role.MANAGER).get(HOME)

    calls = next(step for step in empty.context["checklist"].steps if step.title == "Phone calls go out")
    assert "No provider account carries them: messages stay in the outbox." in calls.missing
    assert "fallback follows them: at first, a text message." in calls.missing
    assert full.context["checklist"].is_complete


def test_one_source_that_reports_is_enough_beside_one_that_waits(story: Story) -> None:
    note_reports(integration=key_of(story.integration), now=story.now)
    create_integration(by=ADMIN, now=story.now, name="Waits")

    assert "Events come in" not in missing(signed_in(Role.MANAGER))


def test_an_alert_that_told_nobody_for_real_is_named_as_the_place_to_look(story: Story) -> None:
    story.policy({story.contact("Wei"): ["email"]}, name="Databases")
    story.fires("DiskFull")
    story.passes(6)

    reply = signed_in(Role.MANAGER).get(HOME)

    step = next(step for step in reply.context["checklist"].steps if step.title == "A test alert arrived")
    assert step.alert == Alert.objects.get()
    assert reverse("console:alerts_alert_change", args=[step.alert.pk]) in reply.text


def test_contacts_without_a_proved_number_are_led_to_the_verification(story: Story) -> None:
    story.contact("Wei", verified=False)

    assert "No number is verified yet" in missing(signed_in(Role.MANAGER))["A contact with a verified number"]


def test_who_may_change_nothing_sees_no_checklist(story: Story) -> None:
    for role in (Role.VIEWER, Role.RESPONDER):
        reply = signed_in(role).get(HOME)
        assert reply.context["checklist"] is None
        assert "Before anybody can be told" not in reply.text


def test_a_manager_is_told_that_an_administrator_adds_accounts(story: Story) -> None:
    checklist = signed_in(Role.MANAGER).get(HOME).context["checklist"]

    step = next(step for step in checklist.steps if step.title == "Mail goes out")
    assert "An administrator can add one." in step.missing
    assert step.url == ""


def test_the_outbox_is_no_proof_that_an_alert_arrived(story: Story) -> None:
    complete(story)
    Delivery.objects.update(account=ProviderAccount.objects.get(provider="outbox_email"))

    assert list(missing(signed_in(Role.ADMIN))) == ["A test alert arrived"]


def test_a_policy_reaches_somebody_when_a_channel_has_what_it_needs(story: Story) -> None:
    seen = []
    for contact, channels in (
        (story.contact("No number", phone=None), ["phone"]),
        (story.contact("Not verified", verified=False, email=None), ["phone", "sms"]),
    ):
        story.policy({contact: channels})
        seen.append(is_anybody_reached())
    story.policy({story.group(): ["email"]})
    seen.append(is_anybody_reached())
    group = story.group(story.contact("Verified", email=None))
    policy = story.policy({group: ["sms"]})
    seen.append(is_anybody_reached())
    type(policy).objects.filter(pk=policy.pk).update(is_enabled=False)
    seen.append(is_anybody_reached())
    story.policy({story.robot("https://oapi.dingtalk.com/robot/send?access_token=t"): []})
    seen.append(is_anybody_reached())

    assert seen == [False, False, False, True, False, True]


def test_the_front_page_counts_what_matched_nothing_in_a_day_and_leads_there(story: Story, now: datetime) -> None:
    story.fires("Yesterday")
    with time_machine.travel(now + timedelta(days=2), tick=False):
        story.now = now + timedelta(days=2)
        story.fires("Active")
        story.fires("Over")
        story.recovers("Over")
        story.policy({story.contact(): ["email"]}, rules=[[{"key": "team", "operator": "eq", "value": "db"}]])
        story.fires("Matched", team="db")
        client = signed_in(Role.VIEWER)

        home = client.get(HOME)
        listed = client.get(reverse("console:events_event_changelist"), {"matched": "none", "seen": "day"})

        assert home.context["unmatched_lately"] == 2
        assert "matched=none&amp;seen=day" in home.text
        assert {str(event) for event in listed.context["cl"].result_list} == {"Active", "Over"}
        assert Event.objects.count() == 4


@pytest.mark.parametrize("role", Role)
def test_the_front_page_reads_few_statements_whatever_there_is(story: Story, role: Role) -> None:
    client = signed_in(role)
    client.get(HOME)
    with CaptureQueriesContext(connection) as few:
        client.get(HOME)
    complete(story)
    for number in range(10):
        story.fires("DiskFull", instance=f"{number}")
        story.contact()

    with CaptureQueriesContext(connection) as many:
        client.get(HOME)

    assert len(many) <= len(few) + 2
    assert len(many) < 25
    assert Contact.objects.count() == 11


def test_a_team_without_calls_and_texts_puts_these_lines_aside_for_everybody_and_takes_them_up_again(
    story: Story,
) -> None:
    manager = signed_in(Role.MANAGER)
    before = manager.get(HOME).context["checklist"]

    asked = [manager.post(f"/console/first-run/{name}/aside/").status_code for name in ("phone", "sms", "phone")]
    reply = signed_in(Role.ADMIN).get(HOME)
    after = reply.context["checklist"]
    manager.post("/console/first-run/sms/use/")
    again = manager.get(HOME).context["checklist"]

    assert asked == [302, 302, 302]
    assert {"Phone calls go out", "Text messages go out"} <= {step.title for step in before.steps}
    assert [step.title for step in after.aside] == ["Text messages go out", "Phone calls go out"]
    assert (after.total, after.done) == (before.total - 2, before.done)
    assert "Not used here" in reply.text
    assert [step.title for step in again.aside] == ["Phone calls go out"]
    assert again.total == before.total - 1
    assert [entry.action for entry in LogEntry.objects.get_for_model(SetAside).order_by("pk")] == [0, 0, 2]


def test_a_list_whose_other_lines_are_done_is_complete_and_can_be_seen_although_hidden(story: Story) -> None:
    complete(story)
    ProviderAccount.objects.filter(provider="twilio_voice").delete()
    client = signed_in(Role.MANAGER)
    client.post("/console/first-run/phone/aside/")

    done = client.get(HOME)
    client.post(reverse("console:hide-first-run"))

    assert done.context["checklist"].is_complete
    assert "Everything is set up" in done.text
    assert client.get(HOME).context["checklist"] is None
    assert [step.title for step in client.get(HOME, {"checklist": "1"}).context["checklist"].aside] == [
        "Phone calls go out"
    ]


def test_what_is_used_and_broken_is_no_longer_aside(story: Story) -> None:
    client = signed_in(Role.ADMIN)
    client.post("/console/first-run/email/aside/")
    account = mail(story)
    record_health([Health(account.pk, failed_at=story.now, failure="550 refused")], story.now)

    assert "550 refused" in missing(client)["Mail goes out"]


def test_only_managers_put_lines_aside_and_only_those_there_are(story: Story) -> None:
    assert signed_in(Role.RESPONDER).post("/console/first-run/phone/aside/").status_code == 403
    assert signed_in(Role.MANAGER).post("/console/first-run/nothing/aside/").status_code == 404
    assert not SetAside.objects.exists()
