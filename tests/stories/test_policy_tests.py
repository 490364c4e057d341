"""A file says whom labels must reach, and a pipeline fails when the policies do not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine

from tests.stories.harness import ADMIN, Story
from tocsin.cli.policy_tests import run
from tocsin.core.errors import InvalidInputError
from tocsin.delivery.models import Delivery
from tocsin.delivery.policy_tests import parse_tests, run_tests
from tocsin.policies.services import StepInput, create_escalation

DISK = {"alertname": "Disk full", "severity": "critical"}


def problems(story: Story, **test: object) -> tuple[str, ...]:
    [result] = run_tests(parse_tests({"tests": [{"labels": DISK, **test}]}, story.now))
    return result.problems


def test_these_labels_on_monday_at_three_reach_the_primary_on_duty_by_phone(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    primary = story.schedule([ann, bob], name="Primary", tells_by=[])
    story.policy({primary: ["phone"]})

    assert problems(story, at="Monday 03:00", reaches={"Primary": "phone"}) == ()
    assert problems(story, at="Monday 03:00", reaches={"Ann": "phone"}) == ()
    assert problems(story, at="Monday 10:00", reaches={"Ann": "phone"}) == ("Ann is not told by phone",)
    assert problems(story, at="Monday 03:00", reaches={"Primary": ["phone", "sms"]}) == (
        "Ann, on duty on Primary, is not told by sms",
    )
    assert not Delivery.objects.exists()


def test_why_somebody_is_not_reached_is_said(story: Story) -> None:
    ann = story.contact("Ann", verified=False)
    story.policy({ann: ["phone"]})

    assert problems(story, reaches=["Ann"]) == ("Ann is not told: the phone number is not verified",)


def test_whoever_else_is_told_breaks_an_only(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    story.policy({ann: ["sms"], bob: ["email"]})

    assert problems(story, reaches_only=["Ann"]) == ("Bob is told by email, too",)
    assert problems(story, does_not_reach={"Bob": "phone"}) == ()
    assert problems(story, does_not_reach="Bob") == ("Bob is told by email",)
    assert problems(story, reaches_only="nobody") == ("Ann is told by sms, too", "Bob is told by email, too")


def test_an_escalation_counts_for_as_long_as_the_test_looks(story: Story) -> None:
    ann, lead = story.contact("Ann"), story.contact("Lead")
    ladder = create_escalation(by=ADMIN, now=story.now, name="Ladder",
                               steps=[StepInput(after_minutes=10, targets=[(lead.pk, ["phone"])])])  # fmt: skip
    story.policy({ann: ["sms"]}, escalation_id=ladder.pk)

    assert problems(story, reaches={"Lead": "phone"}) == ("Lead is not told by phone",)
    assert problems(story, reaches={"Lead": "phone"}, within_minutes=15) == ()


@pytest.mark.parametrize(
    ("test", "place"),
    [
        ({"labels": DISK}, "says nothing"),
        ({"labels": DISK, "reachs": "Ann"}, "knows no reachs"),
        ({"labels": DISK, "reaches": "Ann", "at": "some day"}, "Monday 03:00"),
        ({"labels": DISK, "reaches": "Ann", "zone": "Mars"}, "Mars"),
        ({"labels": DISK, "reaches": "Ann", "within_minutes": "soon"}, "number of minutes"),
        ({"labels": "x", "reaches": "Ann"}, "labels"),
        ("x", "must hold"),
    ],
)
def test_what_is_wrong_with_a_test_is_said_with_its_place(test: object, place: str) -> None:
    with pytest.raises(InvalidInputError, match=place):
        parse_tests({"tests": [test]}, datetime(2026, 11, 23, 12, tzinfo=UTC))


def test_a_weekday_is_the_next_one_in_its_zone() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    [test] = parse_tests(
        {"tests": [{"labels": DISK, "reaches": "Ann", "at": "Monday 03:00", "zone": "Asia/Shanghai"}]}, now
    )

    assert test.at == datetime(2026, 11, 29, 19, tzinfo=UTC)


def test_the_command_fails_a_pipeline(story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story.policy({story.contact("Ann"): ["sms"]})
    file = tmp_path / "policies.yaml"
    file.write_text(
        "tests:\n"
        "  - {name: Ann hears of disks, labels: {alertname: Disk full}, reaches: {Ann: sms}}\n"
        "  - {name: Bob hears of disks, labels: {alertname: Disk full}, reaches: Bob}\n"
    )

    with pytest.raises(SystemExit) as stopped:
        run(file)

    assert stopped.value.code == 3
    assert capsys.readouterr().out == (
        "holds  Ann hears of disks\nfails  Bob hears of disks\n       Bob is not told\n1 of 2 hold.\n"
    )


def test_a_draft_is_tested_before_it_is_made(story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    story.policy({ann: ["phone"]}, name="In force")
    file = tmp_path / "both.yaml"
    file.write_text(
        "policies:\n"
        "  - {name: Critical, rules: [{severity: critical}], tells: {Bob: [sms]}, stops_here: true}\n"
        "  - {name: All, tells: {Ann: [phone]}}\n"
        "tests:\n"
        "  - {name: Bob alone, labels: {alertname: Disk full, severity: critical}, reaches_only: {Bob: sms}}\n"
        "  - {name: Ann, labels: {alertname: Disk full}, reaches_only: {Ann: phone}}\n"
    )

    with time_machine.travel(story.now, tick=False):
        with pytest.raises(SystemExit) as in_force:
            run(file)
        first = capsys.readouterr().out
        with pytest.raises(SystemExit) as in_draft:
            run(file, draft=file)

    assert (in_force.value.code, in_draft.value.code) == (3, 0)
    assert "fails  Bob alone\n       Bob is not told by sms" in first
    assert capsys.readouterr().out == "holds  Bob alone\nholds  Ann\n2 of 2 hold.\n"
    assert bob.phone is not None


def test_a_file_that_is_no_list_of_tests_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "policies.yaml"
    file.write_text("tests: [")

    with pytest.raises(InvalidInputError, match="is not YAML"):
        run(file)
    with pytest.raises(InvalidInputError, match="No such file"):
        run(tmp_path / "none.yaml")
