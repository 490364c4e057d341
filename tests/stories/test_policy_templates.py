"""Texts of a policy's own: for each channel, firing and recovered; labels stay text; a fault costs nobody a message."""

from __future__ import annotations

import pytest

from tests.stories.harness import Story
from tocsin.alerts.models import Activity
from tocsin.core.errors import InvalidInputError
from tocsin.delivery.link_texts import link_in_text
from tocsin.delivery.models import Delivery
from tocsin.policies.models import NotificationPolicy, PolicyVersion
from tocsin.policies.rules import GO_MARK

HOSTILE = "<b>x</b> **y** @all <at id=all></at> [l](http://evil)"


def test_each_channel_says_what_the_policy_wrote(story: Story) -> None:
    ann = story.contact("Ann", language="en", time_zone="Asia/Shanghai")
    story.policy(
        {ann: ["phone", "sms", "email"]},
        templates={
            "email_title": "{{ severity }}: {{ title }}",
            "email_content": "Since {{ opened_at }}\n{% for event in events %}- {{ event.labels.host }}{% endfor %}",
            "sms_content": "{{ title }} on {{ labels.host }} {{ url }}",
            "phone_content": "Please look at {{ title }}",
        },
    )

    story.fires("DiskFull", host="db-7", severity="critical")
    story.passes(5)

    mail = story.expect_mail(ann, "P1: DiskFull\n", "Since 2026-11-23 20:00:00 CST", "- db-7")
    assert mail.delivery.content is not None
    assert "<br>" in mail.delivery.content.html
    story.expect_text(ann, "DiskFull on db-7 https://tocsin.example/a/")
    story.expect_call(ann, "Please look at Disk Full Press 1").answer()
    assert not Activity.objects.filter(kind="template_failed").exists()


def test_good_news_has_texts_of_its_own_and_else_the_built_in_ones(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy(
        {ann: ["sms", "email"]}, templates={"sms_content": "{{ title }}!", "sms_recover_content": "{{ title }} is fine"}
    )
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann, "Disk full!")
    story.expect_mail(ann, "firing: 1 event")

    story.recovers("Disk full")
    story.passes(60)

    story.expect_text(ann, "Disk full is fine")
    story.expect_mail(ann, "recovered")


def test_labels_inject_neither_markup_nor_mentions(story: Story) -> None:
    ann = story.contact("Ann")
    group = story.robot("https://oapi.dingtalk.com/robot/send?access_token=t")
    story.policy(
        {ann: ["email"], group: []},
        templates={
            "email_content": "<p>{{ labels.note }}</p>",
            "robot_content": "**{{ labels.note }}** [{{ title }}]({{ url }})",
        },
    )

    story.fires("Disk full", note=HOSTILE)
    story.passes(5)

    mail = story.expect_mail(ann)
    assert mail.delivery.content is not None
    assert "<p>&lt;b&gt;x&lt;/b&gt; **y**" in mail.delivery.content.html
    content = Delivery.objects.get(channel="dingtalk").content
    assert content is not None
    assert content.markdown.partition(" [Disk full]")[0] == (
        "**\\<b\\>x\\</b\\> \\*\\*y\\*\\* @all \\<at id=all\\>\\</at\\> \\[l\\]\\(http://evil\\)**"
    )
    assert content.markdown.endswith(f"[Disk full]({link_in_text()})"), "the place of the link is found when it is sent"


def test_a_template_that_fails_at_the_moment_of_sending_costs_nobody_a_message(story: Story) -> None:
    """What was saved was right; then it meets values that it cannot bear, or code that no longer knows a word of it."""
    ann = story.contact("Ann")
    story.policy({ann: ["sms", "email"]}, templates={"sms_content": "{{ title }}"})
    PolicyVersion.objects.update(templates={"sms_content": "line\n{{ no_longer }}"})

    story.fires("Disk full")
    story.passes(5)

    story.expect_text(ann, "[P6] Disk full: firing: 1 event")
    story.expect_mail(ann)
    told = [entry.title for entry in story.timeline() if entry.kind == "template_failed"]
    assert told == [
        "Text message: the policy's template failed, so the built-in text went out: "
        "Line 2: there is no variable no_longer"
    ]


def test_the_text_that_follows_an_unanswered_call_is_the_policys_own(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone"]}, templates={"sms_content": "Call back about {{ title }}"})
    story.fires("Disk full")
    story.passes(5)

    story.expect_call(ann, "Disk full").ring_out()
    story.passes(5)

    story.expect_text(ann, "Call back about Disk full")


def test_what_is_wrong_is_found_when_saving(story: Story) -> None:
    with pytest.raises(InvalidInputError) as error:
        story.policy({story.contact(): ["sms"]}, templates={"sms_content": "x\n{{ titel }}"})

    assert error.value.fields == {"templates.sms_content": "Line 2: there is no variable titel"}
    assert not NotificationPolicy.objects.exists()


def test_texts_in_go_templates_show_the_same_alert(story: Story) -> None:
    ann = story.contact("Ann", time_zone="Asia/Shanghai")
    story.policy(
        {ann: ["sms", "email"]},
        name="Databases",
        templates={
            "email_title": GO_MARK + "{{ .commonLabels.alertname }}",
            "email_content": GO_MARK + "{{ for .alerts }}<li>{{ .annotations.message }}</li>{{ end }}",
            "sms_content": GO_MARK + '{{ .level }} {{if eq "db" .commonLabels.team}}DB: {{end}}'
            "{{ .commonLabels.alertname }} {{ .dispatchRuleName }} {{ .startTime }}",
            "sms_recover_content": GO_MARK + "over: {{ .commonLabels.alertname }} {{ .status }}",
        },
    )
    story.fires("DiskFull", team="db", severity="critical", summary=HOSTILE)
    story.passes(5)

    story.expect_text(ann, "P1 DB: DiskFull Databases 2026-11-23 20:00:00")
    mail = story.expect_mail(ann, "DiskFull\n")
    assert mail.delivery.content is not None
    assert "<li>&lt;b&gt;x&lt;/b&gt;" in mail.delivery.content.html

    story.recovers("DiskFull", team="db", severity="critical")
    story.passes(60)

    story.expect_text(ann, "over: DiskFull resolved")
    story.expect_mail(ann)


@pytest.mark.parametrize("source", [r"{{ '\x00' }}x", GO_MARK + '{{ "\\ud800" }}x'])
def test_a_kept_template_of_characters_that_cannot_be_stored_costs_nobody_a_message(story: Story, source: str) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    PolicyVersion.objects.update(templates={"email_title": source, "email_content": source})

    story.fires("Disk full")
    story.passes(5)

    story.expect_mail(ann, "Disk full")
    assert Activity.objects.filter(kind="template_failed").count() == 1


@pytest.mark.parametrize("made", [r"{{ '\x00' }}", r"disk{{ '\x00' }}full", "{{ labels.none }}\u200b \u2800"])
def test_a_text_that_would_hold_nul_or_nothing_to_see_is_the_built_in_one_on_every_channel(
    story: Story, made: str
) -> None:
    ann = story.contact("Ann")
    group = story.robot("https://oapi.dingtalk.com/robot/send?access_token=t")
    story.policy({ann: ["phone", "sms", "email"], group: []})
    fields = ("email_title", "email_content", "sms_content", "phone_content", "robot_content")
    PolicyVersion.objects.update(templates=dict.fromkeys(fields, made))

    story.fires("Disk full")
    story.passes(5)

    story.expect_text(ann, "Disk full: firing: 1 event")
    story.expect_call(ann, "Disk full", "firing: 1 event").answer()
    mail = story.expect_mail(ann, "Disk full", "firing: 1 event")
    assert mail.delivery.content is not None
    assert "Disk full" in mail.delivery.content.html
    content = Delivery.objects.get(channel="dingtalk").content
    assert content is not None
    assert "Disk full" in content.markdown
    told = Activity.objects.filter(kind="template_failed").values_list("data__channel", flat=True)
    assert sorted(told) == ["dingtalk", "email", "phone", "sms"]


@pytest.mark.parametrize("made", ["<p>{{ labels.none }}&nbsp;</p>", "<br>"])
def test_a_page_without_a_word_is_no_mail(story: Story, made: str) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, templates={"email_content": made})

    story.fires("Disk full")
    story.passes(5)

    story.expect_mail(ann, "firing: 1 event")
    assert "the text is empty" in next(entry.title for entry in story.timeline() if entry.kind == "template_failed")


def test_signs_that_no_voice_says_are_no_call(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone"]}, templates={"phone_content": "*** {{ labels.none }} !!!"})

    story.fires("Disk full")
    story.passes(5)

    story.expect_call(ann, "Disk full", "firing: 1 event")
    assert Activity.objects.filter(kind="template_failed").count() == 1


def test_a_fault_in_the_text_that_follows_a_call_is_told_too(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone"]}, templates={"sms_content": "{{ labels.none }}"})
    story.fires("Disk full")
    story.passes(5)

    story.expect_call(ann).ring_out()
    story.passes(5)

    story.expect_text(ann, "Disk full: firing: 1 event")
    told = [entry.title for entry in story.timeline() if entry.kind == "template_failed"]
    assert told == ["Text message: the policy's template failed, so the built-in text went out: the text is empty"]
