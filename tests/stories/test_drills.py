"""Fire drills: who can really be reached, before it matters."""

from __future__ import annotations

from datetime import timedelta

import pytest
from auditlog.models import LogEntry

from tests.stories.harness import ADMIN, Story
from tocsin.channels.kinds import Channel
from tocsin.contacts.services import delete_contacts
from tocsin.core.errors import InvalidInputError
from tocsin.delivery.drill_texts import delivery_of_token
from tocsin.delivery.drills import confirm_drill, drill_report, start_drill
from tocsin.delivery.models import Delivery
from tocsin.oncall.services import substitute

HOUR = timedelta(hours=1)
PHONE, SMS, EMAIL = Channel.PHONE, Channel.SMS, Channel.EMAIL


def told(story: Story, drill_id: int) -> dict[str, tuple[str, ...]]:
    """Name -> how it was confirmed, or what became of each message."""
    return {
        member.name: (member.channel, member.via, *(["late"] if member.is_late else []))
        if member.confirmed_at
        else tuple(f"{ask.channel} {ask.reason or ask.state}" for ask in member.asks)
        for member in drill_report(drill_id).members
    }


def test_the_report_says_who_confirmed_over_what_and_why_others_did_not(story: Story) -> None:
    ann, bob, cem = story.contact("Ann"), story.contact("Bob", verified=False), story.contact("Cem", email=None)
    group = story.group(ann, bob, cem)

    drill = start_drill(by=ADMIN, now=story.now, object_ids=[group.pk, ann.pk], channels=[EMAIL, PHONE], lasts=HOUR)
    story.passes(5)
    story.expect_mail(bob, "a drill, nothing is wrong")
    story.expect_mail(ann, "please confirm that this reaches you")
    story.expect_call(cem, "Nothing is wrong", "Press 1").ring_out()
    story.expect_call(ann).press("1")
    story.passes(120)

    assert told(story, drill.pk) == {
        "Ann": ("phone", "key"),
        "Bob": ("phone unverified_phone", "email accepted"),
        "Cem": ("phone no_answer", "email no_email"),
    }
    assert LogEntry.objects.filter(object_repr=drill.about, additional_data__by="Ada Admin").count() == 1


def test_a_link_confirms_once_and_late_is_marked(story: Story) -> None:
    ann, wei = story.contact("Ann"), story.contact("王伟", language="zh-hans", time_zone="Asia/Shanghai")
    drill = start_drill(by=ADMIN, now=story.now, object_ids=[ann.pk, wei.pk], channels=[SMS], lasts=HOUR)
    story.passes(5)
    story.expect_text(wei, "通知演练", "21:00 CST")
    text = story.expect_text(ann, "13:00 UTC")
    number = text.delivery_id
    assert delivery_of_token("x" * 22) is None

    for minutes in (61, 62):
        confirm_drill(now=drill.started_at + timedelta(minutes=minutes), delivery_id=number, via="link")

    member = next(member for member in drill_report(drill.pk).members if member.name == "Ann")
    assert member.confirmed_at == drill.started_at + timedelta(minutes=61)
    assert told(story, drill.pk) == {"王伟": ("sms accepted",), "Ann": ("sms", "link", "late")}


def test_a_schedule_means_all_its_people_and_substitutes_and_who_confirmed_is_spared_the_rest(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    cem = story.contact("Cem")
    rota = story.schedule([ann, bob], tells_by=[])
    substitute(by=ADMIN, now=story.now, schedule_id=rota.pk, contact_id=cem.pk, replaces_id=ann.pk,
               starts_at=story.now + 2 * HOUR, ends_at=story.now + 3 * HOUR)  # fmt: skip
    drill = start_drill(by=ADMIN, now=story.now, object_ids=[rota.pk], channels=[SMS], lasts=HOUR)
    confirm_drill(now=story.now, delivery_id=story.delivery(bob, "sms").pk, via="link")

    story.passes(5)

    story.expect_text(ann, "drill")
    story.expect_text(cem, "drill")
    assert story.delivery(bob, "sms").reason == "confirmed"
    assert drill_report(drill.pk).confirmed == 1


def test_a_deleted_contact_stays_in_the_report_by_name(story: Story) -> None:
    ann = story.contact("Ann")
    drill = start_drill(by=ADMIN, now=story.now, object_ids=[ann.pk], channels=[SMS], lasts=HOUR)

    delete_contacts(by=ADMIN, now=story.now, ids=[ann.pk])
    story.passes(5)

    assert [(member.contact_id, member.name) for member in drill_report(drill.pk).members] == [(None, "Ann")]


def test_what_cannot_be_asked_is_refused(story: Story) -> None:
    empty = story.group()

    with pytest.raises(InvalidInputError) as nobody:
        start_drill(by=ADMIN, now=story.now, object_ids=[empty.pk], channels=[SMS], lasts=HOUR)
    with pytest.raises(InvalidInputError) as nothing:
        start_drill(by=ADMIN, now=story.now, object_ids=[empty.pk], channels=[], lasts=timedelta(0))

    assert (set(nobody.value.fields), set(nothing.value.fields)) == ({"objects"}, {"channels", "lasts"})


def test_what_a_limit_holds_until_the_drill_is_over_is_not_sent(story: Story) -> None:
    ann = story.contact("Ann")
    drill = start_drill(by=ADMIN, now=story.now, object_ids=[ann.pk], channels=[SMS], lasts=HOUR)
    Delivery.objects.update(state="held", next_at=story.now + HOUR)

    story.passes(HOUR.total_seconds() + 5)

    assert told(story, drill.pk) == {"Ann": ("sms drill_over",)}
