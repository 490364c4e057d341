"""`tocsin oncall`: who is on duty, for people and for scripts; and the gaps that the pages warn of."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.stories.harness import Story
from tocsin.cli.oncall import show
from tocsin.contacts.queries import uses_by_phone
from tocsin.contacts.services import delete_contacts
from tocsin.core.actors import SHELL
from tocsin.core.errors import InvalidInputError, NotFoundError
from tocsin.delivery.explaining import explain
from tocsin.oncall.queries import on_duty_of, schedules_with_gaps


def run(**given: object) -> int:
    with pytest.raises(SystemExit) as end:
        show(**given)  # type: ignore[arg-type]
    return int(end.value.code or 0)


def test_it_says_who_until_when_and_who_next(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.schedule([story.contact("Ann"), story.contact("Bob")], name="Database", zone="Europe/Berlin", tells_by=[],
                   starts_on="2026-11-23")  # fmt: skip

    code = run(at="2026-11-23T12:00+00:00")

    assert (code, capsys.readouterr().out) == (0, "Database: Ann until 2026-11-24 09:00 CET, then Bob\n")


def test_nobody_on_duty_is_exit_code_3_and_null(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    night = {"days": [0], "from": "22:00", "until": "23:00"}
    story.schedule([story.contact("Ann")], name="Nights", restrictions=[night], tells_by=[])

    code = run(schedule="Nights", at="2026-11-23T21:00+00:00", json=True)

    [said] = json.loads(capsys.readouterr().out)
    assert (code, said["on_duty"], said["next"]) == (3, None, "Ann")
    assert said["until"] == "2026-11-23T22:00:00+00:00"


def test_wrong_words_are_refused(story: Story) -> None:
    with pytest.raises(InvalidInputError):
        show(at="tomorrow")
    with pytest.raises(NotFoundError):
        show(schedule="Nothing")


def test_gaps_are_listed_for_every_schedule_that_has_some(story: Story) -> None:
    ann = story.contact("Ann")
    story.schedule([ann], name="Whole", tells_by=[])
    day = {"days": [0, 1, 2, 3, 4, 5, 6], "from": "00:00", "until": "23:00"}
    holed = story.schedule([ann], name="Holed", restrictions=[day], tells_by=[])

    [found] = schedules_with_gaps(story.now, timedelta(days=2))

    assert (found.schedule_id, found.name) == (holed.pk, "Holed")
    assert [(gap.starts_at, gap.ends_at) for gap in found.gaps] == [
        (datetime(2026, 11, 23, 23, tzinfo=UTC), datetime(2026, 11, 24, 0, tzinfo=UTC)),
        (datetime(2026, 11, 24, 23, tzinfo=UTC), datetime(2026, 11, 25, 0, tzinfo=UTC)),
    ]


def test_explain_names_whoever_is_on_duty_at_the_moment_it_is_asked_for(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann, bob], starts_on="2026-11-23", tells_by=[])
    story.policy({rota: ["sms"]})

    today, tomorrow = (
        explain({"alertname": "Disk full"}, at).policies[0].deliveries
        for at in (story.now, story.now + timedelta(days=1))
    )

    [policy] = explain({"alertname": "Disk full"}, story.now).policies
    assert policy.on_duty == ((rota.name, ("Ann",)),)
    assert ([item.name for item in today], [item.name for item in tomorrow]) == (["Ann"], ["Bob"])


def test_a_changed_number_names_the_policies_that_call_the_contact_by_its_schedule(story: Story) -> None:
    ann = story.contact("Ann")
    rota = story.schedule([ann], name="Database", tells_by=["email"])
    story.policy({rota: ["phone"]}, name="Storage")

    assert [(use.kind, use.name) for use in uses_by_phone(ann.pk)] == [("policy", "Storage")]


def test_a_deleted_contact_is_on_duty_no_more_and_the_others_turns_move_up(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann, bob], starts_on="2026-11-23", tells_by=[])

    delete_contacts(by=SHELL, now=story.now, ids=[ann.pk])

    assert on_duty_of([rota.pk], story.now) == {rota.pk: bob.pk}
