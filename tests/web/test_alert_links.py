"""`/a/<token>`: acting on an alert by the link in a message, without sign-in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from tests.stories.harness import ADMIN, Story, begin
from tocsin.alerts.models import Alert
from tocsin.alerts.services import claim_alert
from tocsin.contacts.models import Contact
from tocsin.contacts.services import update_contact
from tocsin.core.redact import redact
from tocsin.delivery.alert_links import alert_link
from tocsin.delivery.group_codes import code_message
from tocsin.delivery.link_texts import token_for, with_link
from tocsin.delivery.models import Content, Delivery
from tocsin.delivery.pipeline import accept
from tocsin.delivery.planning import plan_due
from tocsin.events.queries import key_of
from tocsin.events.rules import Report
from tocsin.policies.services import StepInput, create_escalation

pytestmark = pytest.mark.django_db
PUBLIC = "https://tocsin.example.org"


@pytest.fixture
def story(now: datetime, settings: Any) -> Iterator[Story]:
    settings.PUBLIC_URL = PUBLIC
    with time_machine.travel(now, tick=False):
        yield begin(now)


def texted(story: Story, **labels: str) -> tuple[Any, str]:
    """Ann, who got a text about a full disk, and the address of the page in it."""
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, group_wait=0)
    story.fires("Disk full", **labels)
    story.passes()
    sent = story.expect_text(ann)
    return ann, f"/a/{token_for(sent.delivery_id)}"


def press(page: str, do: str, **fields: str) -> Any:
    client = Client(enforce_csrf_checks=True, HTTP_ORIGIN="null")
    client.get(page)
    token = client.cookies["csrftoken"].value
    return client.post(page, {"do": do, "csrfmiddlewaretoken": token, **fields}, follow=True)


def test_the_link_is_in_what_is_sent_and_stars_are_in_what_is_kept(story: Story) -> None:
    _ann, page = texted(story)
    kept = Content.objects.get().text

    assert kept.endswith(f"{PUBLIC}/a/{'*' * 22}")
    delivery = Delivery.objects.get()
    assert with_link(kept, delivery.pk, carries_links=True).endswith(f"{PUBLIC}{page}")
    assert re.fullmatch(r"/a/[0-9A-Za-z]{22}", page)
    assert with_link(kept, delivery.pk, carries_links=False) == kept.removesuffix(f" {PUBLIC}/a/{'*' * 22}")
    assert page.removeprefix("/a/") not in redact(f"GET {page}")


def test_looking_changes_nothing_and_tells_no_number(story: Story, client: Client) -> None:
    ann, page = texted(story, instance="db1")
    story.policy({ann: ["email"]}, group_wait=0)

    reply = client.get(page)

    shown = reply.content.decode()
    assert reply.status_code == 200
    assert "Disk full" in shown
    assert "You act as Ann." in shown
    assert str(ann.phone) not in shown
    assert "***" not in shown
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert reply.headers["Cache-Control"] == "no-store"
    assert story.alert().state == "pending"


def test_a_press_claims_and_the_timeline_says_by_whom_and_from_where(story: Story) -> None:
    _ann, page = texted(story)

    reply = press(page, "claim")

    alert = story.alert()
    assert (alert.state, alert.claimed_by) == ("handling", "Ann")
    assert "You have claimed this alert" in reply.content.decode()
    assert "Ann claimed it (by a link in a message)" in [entry.title for entry in story.timeline()]


def test_two_people_at_once_one_wins_and_the_other_is_told_who(story: Story) -> None:
    _ann, page = texted(story)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)

    reply = press(page, "claim")

    assert "Ada Admin claimed this alert already." in reply.content.decode()
    assert story.alert().claimed_by == "Ada Admin"


@pytest.mark.parametrize(
    ("do", "fields", "said"),
    [
        ("resolve", {"text": "Deleted old logs"}, "Ann resolved it (by a link in a message)"),
        ("comment", {"text": "Looking"}, "Ann commented (by a link in a message)"),
        ("mute", {"minutes": "60"}, "Ann muted it until"),
        ("severity", {"severity": "2"}, "Ann changed the severity from P6 to P2 (by a link in a message)"),
    ],
)
def test_what_else_the_page_does(story: Story, do: str, fields: dict[str, str], said: str) -> None:
    _ann, page = texted(story)

    press(page, do, **fields)

    assert any(entry.title.startswith(said) for entry in story.timeline())


def test_a_form_that_is_sent_twice_takes_one_step_and_the_page_shown_then_takes_the_next(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    steps = [StepInput(targets=[(bob.pk, ["sms"])], after_minutes=minutes) for minutes in (60, 90)]
    nights = create_escalation(by=ADMIN, now=story.now, name="Nights", steps=steps, rounds=0)
    story.policy({ann: ["sms"]}, group_wait=0, escalation_id=nights.pk)
    story.fires("Disk full")
    story.passes()
    page = f"/a/{token_for(story.expect_text(ann).delivery_id)}"

    press(page, "escalate", seen="0")
    at_once = press(page, "escalate", seen="0").content.decode()
    story.passes()
    story.expect_text(bob, "Ann asks for help")
    later = press(page, "escalate", seen="0").content.decode()
    story.passes()
    story.expect_silence()

    assert "Ann has asked for the next step already." in at_once
    assert "That step was taken already; look at the alert" in later
    assert '<input type="hidden" name="seen" value="1">' in later
    press(page, "escalate", seen="1")
    story.passes()
    story.expect_text(bob, "Ann asks for help")


def test_from_the_page_it_is_given_to_somebody_who_was_told_of_it_and_to_nobody_else(story: Story) -> None:
    bob, stranger = story.contact("Bob"), story.contact("Stranger")
    story.policy({bob: ["email"]}, group_wait=0, name="Bob's")
    ann = story.contact("Ann")
    story.policy({ann: ["sms"], bob: ["sms"]}, group_wait=0, name="Both")
    story.fires("Disk full")
    story.passes()
    sent = story.expect_text(ann)
    story.expect_text(bob)
    story.expect_mail(bob)
    page = f"/a/{token_for(sent.delivery_id)}"
    alert = Alert.objects.get(policy__name="Both")

    shown = Client().get(page).content.decode()
    refused = press(page, "assign", contact=str(stranger.pk)).content.decode()
    given = press(page, "assign", contact=str(bob.pk)).content.decode()
    story.passes()

    assert "Bob</option>" in shown
    assert "Stranger" not in shown
    assert "There is no such contact" in refused
    assert "The alert was given away." in given
    alert.refresh_from_db()
    assert alert.assigned_name == "Bob"
    story.expect_text(bob, "Ann gave it to you")


def test_what_was_resolved_too_early_is_opened_again_from_the_page(story: Story) -> None:
    _ann, page = texted(story)
    before = Client().get(page).content.decode()
    press(page, "resolve")

    offered = Client().get(page).content.decode()
    said = press(page, "reopen").content.decode()

    assert "Open again" not in before
    assert "Open again" in offered
    assert "The alert is open again." in said
    assert story.alert().state == "pending"


def test_what_cannot_be_is_said_on_the_page(story: Story) -> None:
    _ann, page = texted(story)

    reply = press(page, "comment", text=" ")
    nothing = press(page, "dance")

    assert "Write something first." in reply.content.decode()
    assert nothing.status_code == 200


def test_a_form_without_its_token_does_nothing(story: Story) -> None:
    _ann, page = texted(story)

    reply = Client(enforce_csrf_checks=True).post(page, {"do": "claim"})

    assert reply.status_code == 403
    assert story.alert().state == "pending"


def test_links_that_nobody_made_are_too_old_or_went_to_an_old_number_are_all_the_same(
    story: Story, client: Client
) -> None:
    ann, page = texted(story)
    story.recovers("Disk full")
    story.passes(60)
    good = client.get(page).status_code, "Disk full" in client.get(page).content.decode()
    made_up = client.get("/a/" + "x" * 22).content.decode()
    token = page.removeprefix("/a/")
    too_old = alert_link(token, story.now + timedelta(days=8))

    update_contact(by=ADMIN, now=story.now, contact_id=ann.pk, version=ann.version, name="Ann", phone="+8613900139000")
    moved = client.get(page).content.decode()

    assert good == (200, True)
    assert "This link is not valid" in made_up
    assert too_old is None
    assert "This link is not valid" in moved


def test_a_message_that_stands_for_several_alerts_leads_to_a_list(story: Story, client: Client) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone"]}, group_wait=0)
    story.fires("Disk full")
    story.fires("Net down")
    story.passes()
    call = story.expect_call(ann)
    page = f"/a/{token_for(call.delivery_id)}"

    shown = client.get(page).content.decode()
    links = re.findall(r'href="(/a/[^"]+)"', shown)

    assert len(links) == 2
    assert "Disk full" in shown
    assert "Net down" in shown
    assert "You act as Ann." in client.get(links[0].replace("&amp;", "&")).content.decode()
    assert "Net down" not in client.get(f"{page}?alert=999999").context["rows"][1][0].title


def test_a_message_of_a_storm_lists_some_alerts_counts_the_others_and_opens_any(story: Story, client: Client) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone"]}, group_wait=0)
    ends_at = story.now + timedelta(days=1)
    storm = [Report({"alertname": f"Disk {number}"}, {}, "", story.now, ends_at) for number in range(202)]
    accept(key_of(story.integration), storm, story.now)
    while plan_due(story.now):  # all of them, before any is sent
        pass
    story.passes()
    page = f"/a/{token_for(story.expect_call(ann).delivery_id)}"
    oldest = Alert.objects.order_by("pk")[0]
    story.fires("Of nobody's message")
    story.passes()

    shown = client.get(page)
    other = client.get(f"{page}?alert={Alert.objects.order_by('-pk')[0].pk}")

    assert len(shown.context["rows"]) == 200
    assert "202 alerts" in shown.content.decode()
    assert "... and 2 more" in shown.content.decode()
    assert "You act as Ann." in client.get(f"{page}?alert={oldest.pk}").content.decode()
    assert "rows" in other.context


def group_link(story: Story) -> str:
    """The page behind the link of a chatbot's message, as it was planned."""
    robot = story.robot("https://oapi.dingtalk.com/robot/send?access_token=t")
    story.policy({robot: []}, group_wait=0)
    story.fires("Disk full")
    plan_due(story.now)
    delivery = Delivery.objects.get(channel="dingtalk")
    assert delivery.content is not None
    assert f"[Open the alert]({PUBLIC}/a/{'*' * 22})" in delivery.content.markdown
    Delivery.objects.update(next_at=None)
    return f"/a/{token_for(delivery.pk)}"


def posted(client: Client, page: str, **fields: str) -> Any:
    client.get(page)
    return client.post(page, {**fields, "csrfmiddlewaretoken": client.cookies["csrftoken"].value}, follow=True)


def test_a_link_in_a_group_asks_once_who_one_is(story: Story) -> None:
    ann, page = story.contact("Ann"), group_link(story)
    client = Client(enforce_csrf_checks=True)

    asked = client.get(page).content.decode()
    posted(client, page, do="ask", number=str(ann.phone))
    story.passes()
    story.expect_text(ann)
    told = code_message(ann.pk, str(ann.phone), "en", story.now)
    code = re.search(r"\d{8}", told)
    assert code is not None
    wrong = posted(client, page, do="code", number=str(ann.phone), code="00000000").content.decode()
    right = posted(client, page, do="code", number=str(ann.phone), code=code[0]).content.decode()

    assert "Who are you?" in asked
    assert "What happened" not in asked
    assert "This is not the code" in wrong
    assert "You act as Ann." in right
    assert "You act as Ann." in client.get(page).content.decode()
    assert not Content.objects.filter(text__contains=code[0]).exists()
    posted(client, page, do="claim")
    assert story.alert().claimed_by == "Ann"


def test_whoever_is_no_contact_gets_the_same_answer_and_no_code(story: Story) -> None:
    page = group_link(story)
    client = Client(enforce_csrf_checks=True)

    reply = posted(client, page, do="ask", number="+8613900000009").content.decode()

    assert "If this is the verified number of a contact, a code is on its way to it." in reply
    assert not Delivery.objects.filter(purpose="code").exists()


def test_five_wrong_codes_close_the_door_for_the_right_one(story: Story) -> None:
    ann, page = story.contact("Ann"), group_link(story)
    client = Client(enforce_csrf_checks=True)
    code = re.search(r"\d{8}", code_message(ann.pk, str(ann.phone), "en", story.now))
    assert code is not None
    for _ in range(5):
        posted(client, page, do="code", number=str(ann.phone), code="00000000")

    late = posted(client, page, do="code", number=str(ann.phone), code=code[0])

    assert "This is not the code" in late.content.decode()


def test_a_link_ends_when_the_address_changes_to_one_that_looks_alike(story: Story) -> None:
    ann = story.contact("Oncall", email="alice@corp.example", phone=None)
    story.policy({ann: ["email"]}, group_wait=0)
    story.fires("Disk full")
    story.passes()
    token = token_for(story.expect_mail(ann).delivery_id)
    before = alert_link(token, story.now)

    Contact.objects.filter(pk=ann.pk).update(email="anna@corp.example")

    assert before is not None
    assert alert_link(token, story.now) is None
    Contact.objects.filter(pk=ann.pk).update(email="alice@corp.example")
    assert alert_link(token, story.now) is not None


def test_a_link_from_before_addresses_were_kept_goes_by_the_masked_one(story: Story) -> None:
    _ann, page = texted(story)
    Delivery.objects.update(address_digest=None)

    assert alert_link(page.removeprefix("/a/"), story.now) is not None
    Contact.objects.update(phone="+8613900139000")
    assert alert_link(page.removeprefix("/a/"), story.now) is None
