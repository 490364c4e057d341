"""The pages of on-call schedules."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from tests.stories.harness import ADMIN, Story
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.contacts.models import Contact
from tocsin.delivery.drill_models import DrillMember
from tocsin.delivery.worker import run_due
from tocsin.oncall.models import Handover, Schedule, Substitute
from tocsin.oncall.queries import feed_token_of, on_duty_of
from tocsin.oncall.rules import Restriction, Unit
from tocsin.oncall.services import stored_layers, substitute

pytestmark = pytest.mark.django_db


def address(page: str, *args: object) -> str:
    return reverse(f"console:oncall_schedule_{page}", args=args)


def layer(key: str, *people: Contact, **changed: Any) -> dict[str, Any]:
    fields = {"name": "", "people": [person.pk for person in people], "cycle": "day", "every": "1", "unit": "days",
              "starts-on": "2026-11-02", "handover-time": "09:00"}  # fmt: skip
    return {"layers-key": [key], **{f"layers-{key}-{name}": value for name, value in (fields | changed).items()}}


def posted(*layers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    given = {"name": "Database", "time_zone": "Europe/Berlin", "tells_by": ["sms"], **fields}
    keys = [key for one in layers for key in one["layers-key"]]
    for one in layers:
        given |= one
    return given | {"layers-key": keys}


def test_a_schedule_is_written_as_a_form_with_layers_people_and_times(story: Story) -> None:
    ann, bob, cem = story.contact("Ann"), story.contact("Bob"), story.contact("Cem")
    weekend = {"1-days": ["4"], "1-from": "18:00", "1-until": "09:00", "1-until-day": "0", "when": ["1"]}
    typed = posted(
        layer("1", bob, ann), layer("n1", cem, name="Weekend", cycle="custom", every="12", unit="hours", **weekend)
    )

    reply = signed_in(Role.MANAGER).post(address("add"), typed)

    rota = Schedule.objects.get()
    assert (reply.status_code, reply["Location"]) == (302, address("page", rota.pk))
    base, over = stored_layers(rota)
    assert (base.people, base.unit, base.every, base.starts_on) == ((bob.pk, ann.pk), Unit.DAYS, 1, date(2026, 11, 2))
    assert (over.name, over.people, over.unit, over.every) == ("Weekend", (cem.pk,), Unit.HOURS, 12)
    assert over.restrictions == (Restriction((4,), time(18), time(9), 0),)


def test_what_is_refused_names_the_layer_and_keeps_what_was_typed(story: Story) -> None:
    ann = story.contact("Ann")
    typed = posted(layer("1", ann, **{"handover-time": "25:00"}), layer("2", name="Empty"), check_in_minutes="5")

    text = signed_in(Role.MANAGER).post(address("add"), typed).content.decode()

    assert "Layer 1: the hand-over is a time of day like 09:00." in text
    assert "Layer 2: add at least one person." in text
    assert 'value="25:00"' in text
    assert "Ann</option>" in text
    assert not Schedule.objects.exists()


def test_a_check_in_needs_a_lead(story: Story) -> None:
    typed = posted(layer("1", story.contact("Ann")), check_in_minutes="5")

    text = signed_in(Role.MANAGER).post(address("add"), typed).content.decode()

    assert "Name the lead who is told when nobody checks in." in text


def test_saving_warns_of_gaps_and_an_edit_is_refused_after_somebody_elses(story: Story) -> None:
    ann = story.contact("Ann")
    rota = story.schedule([ann], name="Nights", tells_by=[])
    times = {"when": ["1"], "1-days": ["0"], "1-from": "09:00", "1-until": "18:00", "1-until-day": ""}
    browser = signed_in(Role.MANAGER)
    change = posted(layer("1", ann, **times), name="Nights", version=rota.version)

    saved = browser.post(address("change", rota.pk), change, follow=True).content.decode()
    again = browser.post(address("change", rota.pk), change | {"name": "Mine"}).content.decode()

    assert "Nobody is on duty at 2 times in the next 14 days" in saved
    assert "Somebody changed this since you opened it." in again
    assert Schedule.objects.get().name == "Nights"


def test_the_list_and_the_page_say_who_is_on_duty_and_whom_nobody_can_call(story: Story) -> None:
    ann, bob = story.contact("Ann <i>"), story.contact("Bob", verified=False)
    rota = story.schedule([ann, bob], name="Database", tells_by=[], starts_on="2026-11-23", zone="Europe/Berlin")
    story.policy({rota: ["phone"]}, name="Storage")
    browser = signed_in(Role.VIEWER)

    listed = browser.get(address("changelist")).content.decode()
    page = browser.get(address("page", rota.pk) + "?view=week&day=2026-11-25").content.decode()

    assert "Ann &lt;i&gt;" in listed
    assert "Storage" in listed
    assert "until Tue 2026-11-24 09:00" in " ".join(page.split())
    assert "Bob: the phone number is not verified" in page
    assert page.count("tc-cal-day") == 7
    assert "Substitute somebody" not in page
    assert browser.get(address("change", rota.pk))["Location"] == address("page", rota.pk)


def test_a_gap_that_is_over_gives_no_alarm_in_the_calendar(story: Story) -> None:
    rota = story.schedule([story.contact("Ann")], name="Database", tells_by=[], starts_on="2026-11-25", zone="UTC")

    page = signed_in(Role.VIEWER).get(address("page", rota.pk) + "?view=month&day=2026-11-23").content.decode()

    days = re.findall(r'<time datetime="(2026-11-2[1-6])">.*?class="tc-piece (\S+?)"', page, re.DOTALL)
    assert [kind for _day, kind in days] == ["tc-piece-over"] * 2 + ["tc-piece-gap"] * 3 + ["tc-hue-0"]


def test_the_list_costs_the_same_statements_however_many_schedules_there_are(
    story: Story, django_assert_max_num_queries: Any
) -> None:
    browser = signed_in(Role.MANAGER)
    ann = story.contact("Ann")

    def statements() -> int:
        with django_assert_max_num_queries(60) as counted:
            assert browser.get(address("changelist")).status_code == 200
        return len(counted)

    story.schedule([ann], tells_by=[])
    few = statements()
    for _ in range(12):
        story.policy({story.schedule([ann, story.contact()], tells_by=[]): ["sms"]})

    assert statements() <= few


def test_times_of_the_dialog_are_those_of_the_schedule(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann], name="Database", tells_by=[], zone="Asia/Shanghai")
    browser = signed_in(Role.MANAGER)
    typed = {"contact": bob.pk, "replaces": ann.pk, "starts_at": "2026-11-24T20:00", "ends_at": "2026-11-25T08:00"}

    browser.post(address("substitute", rota.pk), typed)

    row = Substitute.objects.get()
    assert (row.starts_at, row.ends_at) == (datetime(2026, 11, 24, 12, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC))
    refused = browser.post(address("substitute", rota.pk), typed | {"ends_at": "2026-11-24T20:00"}).content.decode()
    assert "This must be later than the beginning" in refused
    wrong = browser.post(address("substitute", rota.pk), typed | {"ends_at": "tomorrow"}).content.decode()
    assert "Write a date and a time" in wrong
    never = browser.post(address("substitute", rota.pk), typed | {"ends_at": "9999-12-31T23:59"}).content.decode()
    assert "Choose a moment between the years 2000 and 2200." in never
    browser.post(address("end_substitute", rota.pk, row.pk))
    assert not Substitute.objects.exists()


def test_a_responder_checks_somebody_in(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann], name="Database", lead_id=ann.pk, check_in_minutes=10, tells_by=["email"])
    run_due(story.now)
    Handover.objects.update(awaits_check_in=False, check_in_due_at=None, at=story.now - timedelta(hours=1))
    substitute(by=ADMIN, now=story.now, schedule_id=rota.pk, contact_id=bob.pk, starts_at=story.now,
               ends_at=story.now + timedelta(hours=5))  # fmt: skip
    run_due(story.now)
    row = Handover.objects.latest("at")
    browser = signed_in(Role.RESPONDER)

    page = browser.get(address("page", rota.pk)).content.decode()
    browser.post(address("check_in", rota.pk, row.pk))

    assert "Bob has not checked in." in page
    assert "Ann stays on duty until then." in page
    assert on_duty_of([rota.pk], story.now) == {rota.pk: bob.pk}


def test_the_feeds_address_is_shown_made_anew_and_taken_away(story: Story) -> None:
    rota = story.schedule([story.contact("Ann")], tells_by=[])
    browser = signed_in(Role.MANAGER)

    browser.post(address("feed", rota.pk))
    first = feed_token_of(Schedule.objects.get())
    shown = browser.get(address("feed", rota.pk)).content.decode()
    browser.post(address("feed", rota.pk))
    second = feed_token_of(Schedule.objects.get())
    assert "Remove the address" in shown
    browser.post(address("feed", rota.pk), {"remove": "on"})

    assert f"https://tocsin.example/calendar/{first}.ics" in shown
    assert second
    assert second != first
    assert feed_token_of(Schedule.objects.get()) == ""


def test_deleting_a_contact_names_its_schedules_and_those_that_are_left_with_nobody(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    story.schedule([ann, bob], name="Shared", tells_by=[])
    story.schedule([ann], name="Lonely", tells_by=[])

    text = signed_in(Role.MANAGER).get(reverse("console:contacts_contact_delete", args=[ann.pk])).content.decode()

    assert "Shared" in text
    assert "The schedule Lonely will have nobody in any layer." in text
    assert "The schedule Shared" not in text


def test_policies_offer_schedules_and_deleting_one_names_them(story: Story) -> None:
    rota = story.schedule([story.contact("Ann")], name="Database", tells_by=[])
    story.policy({rota: ["phone"]}, name="Storage")
    browser = signed_in(Role.MANAGER)

    found = browser.get(reverse("console:picker"), {"q": "data", "kinds": "contact,schedule"}).json()["results"]
    text = browser.get(address("delete", rota.pk)).content.decode()

    assert [(item["kind"], item["name"]) for item in found] == [("schedule", "Database")]
    assert "Storage" in text


def test_days_begin_at_midnight_there_also_when_clocks_change() -> None:
    from tocsin.oncall.rules.calendar import span_of

    begin, end = span_of(date(2026, 10, 25), 1, ZoneInfo("Europe/Berlin"))

    assert end - begin == timedelta(hours=25)


def test_a_drill_begins_on_the_page_of_a_schedule(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann, bob], tells_by=[])
    drill = f"{reverse('console:new-drill')}?object={rota.pk}"

    page = signed_in(Role.MANAGER).get(address("page", rota.pk)).content.decode()
    seen = signed_in(Role.VIEWER).get(address("page", rota.pk)).content.decode()
    begun = signed_in(Role.MANAGER).post(drill, {"channels": ["sms"], "lasts": "60"})

    assert f'data-dialog href="{drill}"' in page
    assert drill not in seen
    assert begun.status_code == 302
    assert sorted(DrillMember.objects.values_list("name", flat=True)) == ["Ann", "Bob"]


def test_a_schedule_that_loses_its_only_person_reaches_nobody_for_its_policies(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    story.policy({story.schedule([ann], name="Alone", tells_by=[]): ["sms"]}, name="Databases")
    story.policy({story.schedule([ann, bob], name="Both", tells_by=[]): ["sms"]}, name="Web")

    page = signed_in(Role.MANAGER).get(reverse("console:contacts_contact_delete", args=[ann.pk])).content.decode()

    assert "The schedule Alone will have nobody in any layer." in page
    assert re.search(r"Databases</a>[^<]*<b>will tell nobody\.</b>", page)
    assert not re.search(r"Web</a>[^<]*<b>will tell nobody", page)
