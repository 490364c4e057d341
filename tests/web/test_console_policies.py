"""The pages of notification policies: the matching editor's answers, and what the pages say."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.chaos.crowds import crowd
from tests.stories.harness import ADMIN, Story
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.policies.services import disable_policy

pytestmark = pytest.mark.django_db
ADD = "console:policies_notificationpolicy_add"


def tried(client: Client, rules: str) -> dict[str, Any]:
    reply = client.post(reverse("console:policies_notificationpolicy_match"), {"rules": rules})
    assert reply.status_code == 200
    answer: dict[str, Any] = reply.json()
    return answer


def test_typed_rules_are_counted_with_the_newest_named(story: Story) -> None:
    story.fires("DiskFull", team="db", severity="critical")
    story.fires("Gone", team="db")
    story.recovers("Gone", team="db")
    story.fires("Other", team="web")

    answer = tried(signed_in(Role.MANAGER), "team = db")

    assert "2 events of the last 7 days match" in answer["html"]
    assert "1 of them active" in answer["html"]
    assert "DiskFull" in answer["html"]
    assert "Gone" in answer["html"]
    assert "Other" not in answer["html"]
    assert answer["rules"] == [[{"key": "team", "operator": "eq", "value": "db"}]]
    assert answer["problems"] == []


def test_nothing_reported_is_said_instead_of_a_zero(story: Story) -> None:
    assert "No event was reported in the last 7 days" in tried(signed_in(Role.MANAGER), "")["html"]


def test_what_others_reported_is_text_and_no_markup(story: Story) -> None:
    story.fires("<img src=x onerror=alert(1)>")

    assert "<img" not in tried(signed_in(Role.MANAGER), "")["html"]


def test_each_problem_is_told_with_its_place(story: Story) -> None:
    answer = tried(signed_in(Role.MANAGER), 'a = b\n"" = c\n\nd =~ (e\nf in')

    places = [(problem["rule"], problem["condition"]) for problem in answer["problems"]]
    assert places == [(1, 2), (2, 1), (2, 2)]
    assert answer["problems"][0]["text"] == "Name a label."
    assert [len(rule) for rule in answer["rules"]] == [2, 2]


def test_a_line_that_cannot_be_read_leaves_the_text_as_it_is(story: Story) -> None:
    answer = tried(signed_in(Role.MANAGER), "severity critical")

    assert answer["rules"] is None
    assert "Line 1" in answer["problems"][0]["text"]


def test_labels_of_the_last_days_are_suggested_with_their_values(story: Story) -> None:
    story.fires("DiskFull", team="db")

    seen = signed_in(Role.MANAGER).get(reverse("console:policies_notificationpolicy_labels")).json()["labels"]

    values = {label["key"]: label["values"] for label in seen}
    assert values["team"] == ["db"]
    assert values["__severity__"] == ["P6"]
    assert {label["key"]: label["hint"] for label in seen}["__severity__"] == "the severity, P1 to P6"


def test_the_form_names_every_wrong_condition(story: Story) -> None:
    wei = story.contact("Wei")
    data = {
        "name": "All", "rules": "a =~ (b\nc in\n", "group_by": "", "group_wait": "5", "group_interval": "30",
        "targets-object": f"contact:{wei.pk}", "targets-email": "0",
    }  # fmt: skip

    reply = signed_in(Role.MANAGER).post(reverse(ADD), data)

    errors = reply.context["adminform"].form.errors["rules"]
    assert [error.partition(":")[0] for error in errors] == ["Rule 1, condition 1", "Rule 1, condition 2"]


def test_a_policy_begins_with_the_labels_of_an_event(story: Story) -> None:
    event = story.fires("DiskFull", team="db", severity="critical")

    page = signed_in(Role.MANAGER).get(reverse(ADD), {"event": event.pk})

    initial = page.context["adminform"].form.initial
    assert initial["rules"] == "alertname = DiskFull\nseverity = critical\nteam = db"
    assert initial["name"] == "DiskFull"
    for wrong in ("x", "987654", "٣", "9" * 40, ""):
        assert signed_in(Role.MANAGER).get(reverse(ADD), {"event": wrong}).status_code == 200


def test_problems_of_rules_are_told_in_the_readers_language(story: Story) -> None:
    client = signed_in(Role.MANAGER)
    client.cookies["django_language"] = "zh-hans"
    user = client.get("/console/").wsgi_request.user
    user.language = "zh-hans"
    user.save(update_fields=["language"])

    [problem] = tried(client, '"" = c')["problems"]

    assert problem["text"] == "请填写标签名。"


def reached(client: Client, *rows: tuple[str, str]) -> str:
    """What the editor says of rows of "kind:id" and channels."""
    data: dict[str, list[str]] = {"targets-object": [choice for choice, _channels in rows]}
    for number, (_choice, channels) in enumerate(rows):
        for channel in channels.split():
            data.setdefault(f"targets-{channel}", []).append(str(number))
    reply = client.post(reverse("console:policies_notificationpolicy_reach"), data)
    assert reply.status_code == 200
    return str(reply.text)


def test_the_editor_says_at_once_who_cannot_be_reached_and_why(story: Story) -> None:
    client = signed_in(Role.MANAGER)
    wei = story.contact("Wei", verified=False)
    robot = story.robot("https://oapi.dingtalk.com/robot/send?access_token=t", name="Ops group")
    bob = story.contact("Bob", phone=None)

    lacking = reached(client, (f"contact:{wei.pk}", "phone email"))
    fine = reached(client, (f"contact:{wei.pk}", "email"))
    mention = reached(client, (f"contact:{bob.pk}", "email"), (f"robot:{robot.pk}", "phone"))

    assert "<b>Wei</b> (Phone call)" in lacking
    assert "not verified" in lacking
    assert "Email" not in lacking
    assert "Everybody named here can be reached now" in fine
    assert "<b>Bob</b> (DingTalk)" in mention
    assert "Nobody is named yet" in reached(client)
    assert reached(client, ("contact:x", "email")) == reached(client)


def test_a_group_of_very_many_is_not_read_while_somebody_types(story: Story) -> None:
    group = crowd(1001, story.now)

    said = reached(signed_in(Role.MANAGER), (f"group:{group.pk}", "phone"))

    assert "Everybody has so many members" in said
    assert "not verified" not in said


def test_the_form_carries_a_hundred_options_however_many_contacts_there_are(story: Story) -> None:
    chosen = story.contact("Zz last of all")
    for number in range(105):
        story.contact(f"Contact {number:03}")
    policy = story.policy({chosen: ["email"]})

    page = signed_in(Role.MANAGER).get(reverse("console:policies_notificationpolicy_change", args=[policy.pk]))

    assert page.text.count('value="contact:') < 450  # four rows and the template of one
    assert f'value="contact:{chosen.pk}" data-kind="contact" selected' in page.text


def test_a_viewer_reads_what_the_policy_does(story: Story) -> None:
    wei = story.contact("Wei", verified=False)
    rule = [{"key": "team", "operator": "in", "value": "db, web"}, {"key": "env", "operator": "neq", "value": "dev"}]
    policy = story.policy({wei: ["phone", "email"]}, rules=[rule], name="Databases")
    story.fires("DiskFull", team="db")
    story.passes(6)

    page = signed_in(Role.VIEWER).get(reverse("console:policies_notificationpolicy_change", args=[policy.pk])).text

    assert "is one of" in page
    assert "1 event of the last 7 days matches" in page
    assert "<b>Wei</b> (Phone call)" in page
    assert reverse("console:alerts_alert_change", args=[story.alert().pk]) in page
    assert "data-rules" not in page


def test_disabling_and_deleting_name_the_open_alerts(story: Story) -> None:
    policy = story.policy({story.contact("Wei"): ["email"]}, name="Databases")
    story.fires("DiskFull")
    story.passes(6)
    client = signed_in(Role.MANAGER)
    disable = reverse("console:policies_notificationpolicy_disable", args=[policy.pk])

    asked = client.get(disable).text
    deleting = client.get(reverse("console:policies_notificationpolicy_delete", args=[policy.pk])).text
    client.post(disable)
    policy.refresh_from_db()

    assert "This open alert sends nothing more, not even its recovery: DiskFull." in asked
    assert "stays open and sends nothing more." in deleting
    assert not policy.is_enabled
    enable = reverse("console:policies_notificationpolicy_enable", args=[policy.pk])
    assert "what is firing now and matches is told" in client.get(enable).text
    client.post(enable)
    policy.refresh_from_db()
    assert policy.is_enabled


def test_the_switch_of_the_form_names_the_open_alerts_before_it_is_used(story: Story) -> None:
    policy = story.policy({story.contact("Wei"): ["email"]}, name="Databases", group_by=["alertname"])
    story.fires("<b>DiskFull</b>")
    story.passes(6)
    page = reverse("console:policies_notificationpolicy_change", args=[policy.pk])

    on = signed_in(Role.MANAGER).get(page).text
    disable_policy(by=ADMIN, now=story.now, policy_id=policy.pk)
    off = signed_in(Role.MANAGER).get(page).text

    assert "not even its recovery: &lt;b&gt;DiskFull&lt;/b&gt;." in on
    assert "not even its recovery" not in off


def test_from_an_event_that_matched_nothing_it_is_one_click_to_why_and_to_a_policy(story: Story) -> None:
    story.policy({story.contact(): ["email"]}, rules=[[{"key": "team", "operator": "eq", "value": "db"}]])
    event = story.fires("DiskFull", team="web")
    client = signed_in(Role.MANAGER)

    listed = client.get(reverse("console:events_event_changelist")).text
    explained = client.get(reverse("console:explain"), {"event": event.pk}).text
    led = client.get(reverse("console:events_event_new_policy", args=[event.pk]))

    assert f"{reverse('console:explain')}?event={event.pk}" in listed
    assert "Nobody would be told now" in explained
    assert f"{reverse(ADD)}?event={event.pk}" in explained
    assert led["Location"] == f"{reverse(ADD)}?event={event.pk}"
    viewer = signed_in(Role.VIEWER)
    assert reverse(ADD) not in viewer.get(reverse("console:explain"), {"event": event.pk}).text
    assert viewer.get(reverse("console:events_event_new_policy", args=[event.pk])).status_code == 403
