"""What people read: enough to act on, and nothing that does not belong there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from tests.stories.harness import Story
from tocsin.channels.kinds import Channel
from tocsin.delivery.render import AlertSummary, EventSummary, Text, render, render_digest
from tocsin.delivery.rules import Cause

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EVENT = EventSummary({"alertname": "Disk full", "instance": "db1"}, {"summary": "/var is at 97 %"}, True, 1, NOW)
ALERT = AlertSummary(7, "Disk full", 1, Cause.FIRED, "Storage", {"alertname": "Disk full"}, 1, 1, NOW, [EVENT])


def told(channel: Channel, **annotations: str) -> Text:
    event = replace(EVENT, annotations=annotations)
    return render(replace(ALERT, events=[event]), channel, language="en", time_zone="")


def test_mail_and_group_messages_say_what_the_rule_says_beyond_its_summary_and_what_to_do() -> None:
    said = {"summary": "Full", "description": "Grow it.\nOr clean up.", "runbook_url": "https://wiki.example/disk"}

    mail, group = told(Channel.EMAIL, **said), told(Channel.DINGTALK, **said)

    for text in (mail.text, mail.html, group.text):
        assert "Grow it." in text
        assert "https://wiki.example/disk" in text
    assert "[What to do](https://wiki.example/disk)" in group.markdown


def test_a_runbook_that_is_no_web_address_is_not_a_link() -> None:
    mail = told(Channel.EMAIL, summary="Full", runbook_url="javascript:alert(1)")

    assert "javascript" not in mail.html + mail.text


def test_a_kept_text_holds_no_credentials(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["sms", "email"]})

    story.fires("Disk full", summary="login password=hunter2 at https://root:toor@db1/x?token=abcdef failed")
    story.passes(5)

    for message in (story.expect_text(ann, "login password=***"), story.expect_mail(ann, "https://***@db1/x")):
        assert not [secret for secret in ("hunter2", "toor", "abcdef") if secret in message.text]


def test_a_path_in_a_summary_is_no_secret() -> None:
    assert "/v/data and /a/b" in told(Channel.SMS, summary="/v/data and /a/b are full").text


def test_a_label_cannot_pose_as_another_line_of_a_mail() -> None:
    event = replace(EVENT, labels={"alertname": "Disk full", "instance": "db1\nBcc: evil@example.org"})

    mail = render(replace(ALERT, events=[event]), Channel.EMAIL, language="en", time_zone="")

    assert "instance=db1 Bcc: evil@example.org" in mail.text


def test_a_call_for_many_alerts_says_how_many_it_does_not_name() -> None:
    alerts = [replace(ALERT, alert_id=number, title=f"Alert {number}") for number in range(1, 8)]

    spoken = render_digest(alerts, Channel.PHONE, language="en", time_zone="").text

    assert "7 notifications" in spoken
    assert "5: Alert 5" in spoken
    assert "Alert 6" not in spoken
    assert "... and 2 more. Press 1 to claim them." in spoken


def test_html_of_a_rule_stays_text() -> None:
    mail = told(Channel.EMAIL, summary="<script>alert(1)</script>", description="<b>x</b>")

    assert "<script>" not in mail.html
    assert "&lt;script&gt;" in mail.html
