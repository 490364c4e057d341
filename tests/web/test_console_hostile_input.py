"""What a reader of addresses and forms by hand may not get from the console: data, or a fault of the server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product

import pytest
import time_machine
from django.core.exceptions import SuspiciousOperation
from django.db.models import Field, Model
from django.test import RequestFactory, override_settings
from django.urls import reverse

from tests.stories.harness import ADMIN, Story, begin
from tests.web.people import signed_in, user_with
from tocsin.accounts.rules import Role
from tocsin.alerts.models import Alert
from tocsin.alerts.services import resolve_alert
from tocsin.contacts.models import Contact
from tocsin.contacts.queries import get_defaults
from tocsin.delivery.lifecycle import subscribe
from tocsin.events.models import Event, Integration
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.services import StepInput, create_escalation
from tocsin.policies.services.inhibitions import create_inhibition
from tocsin.policies.services.silences import create_silence
from tocsin.web.console.pages import console

pytestmark = pytest.mark.django_db
MODELS = sorted(console._registry, key=lambda model: str(model._meta.label))
PHONE = "+8613800001234"
GROUPS = "group"


def name_of(model: type[Model]) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}"


LISTS = [reverse(f"console:{name_of(model)}_changelist") for model in MODELS]


@pytest.fixture
def story(now: datetime) -> Iterator[Story]:
    """Wei is called about a full disk and does not answer."""
    with time_machine.travel(now + timedelta(minutes=2), tick=False):
        story = begin(now)
        wei = story.contact("Wei", phone=PHONE, email="wei@example.org")
        story.policy({wei: ["phone", "email"]}, name="Databases")
        story.fires("DiskFull", summary="db-7 is full", severity="critical", instance="db-7")
        story.passes(60)
        yield story


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_a_list_answers_no_question_but_those_of_its_filters(model: type[Model]) -> None:
    admin, url = console._registry[model], reverse(f"console:{name_of(model)}_changelist")
    fields = [field.name for field in model._meta.get_fields() if isinstance(field, Field)]
    user = user_with(Role.ADMIN)

    for name, lookup in product(fields, ("startswith", "contains", "regex", "gt", "in")):
        request = RequestFactory().get(url, {f"{name}__{lookup}": "1"})
        request.user = user
        with pytest.raises(SuspiciousOperation):
            admin.get_changelist_instance(request)
    assert signed_in(Role.ADMIN).get(url, {f"{fields[-1]}__contains": "1"}).status_code == 400


def test_a_viewer_reads_no_number_by_asking_how_it_begins(story: Story) -> None:
    client = signed_in(Role.VIEWER)

    page = client.get("/console/contacts/contact/")
    asked = client.get("/console/contacts/contact/", {"phone__startswith": "+8613"})
    through = client.get("/console/delivery/delivery/", {"verification__phone__startswith": "+8613"})

    assert "Wei" in page.content.decode()
    assert [asked.status_code, through.status_code] == [400, 400]


ODD = [
    ("name", "\x00"),
    ("title__regex", "["),
    ("phone__regex", "("),
    ("starts_at__year", "99999999"),
    ("object_pk", "\x00"),
    ("severity", "²"),
    ("severity", "9" * 30),
    ("state", "\x00"),
    ("q", "\x00"),
    ("p", "²"),
    ("o", "²"),
    (GROUPS, "²"),
    ("policy__id__exact", "x"),
    ("is_enabled__exact", "x"),
    ("content_type__id__exact", "9" * 30),
]


@pytest.mark.parametrize("url", LISTS)
def test_no_query_of_a_list_is_a_fault_of_the_server(url: str) -> None:
    client = signed_in(Role.ADMIN)

    for key, value in ODD:
        assert client.get(url, {key: value}).status_code in (200, 302, 400), (key, value)


def test_the_filters_of_the_lists_still_work(story: Story) -> None:
    client = signed_in(Role.ADMIN)
    group = story.group(story.contact("Ming"), name="Night")

    grouped = client.get("/console/contacts/contact/", {GROUPS: group.pk}).content.decode()

    assert "Ming" in grouped
    assert "Wei" not in grouped
    for url in (
        "/console/contacts/robot/?is_enabled__exact=1",
        "/console/alerts/alert/?state=open&severity=1",
        "/console/alerts/alert/?policy__isnull=True",
        "/console/delivery/delivery/?account__isnull=True",
        "/console/events/event/?matched=none",
    ):
        assert client.get(url).status_code == 200, url


def test_the_history_of_a_row_is_in_the_audit_log(story: Story) -> None:
    client = signed_in(Role.ADMIN)

    known = client.get("/console/contacts/contact/1/history/", follow=True)
    unknown = client.get("/console/contacts/contact/%00/history/", follow=True)

    assert (known.status_code, unknown.status_code) == (200, 400)


DETAIL_ACTIONS = sorted(
    f"{name_of(model)}_{action}"
    for model, admin in console._registry.items()
    for action in getattr(admin, "actions_detail", ())
)


@pytest.mark.parametrize("action", DETAIL_ACTIONS)
@pytest.mark.parametrize("key", ["987654", "²", "abc", "9" * 40])
@override_settings(ATTESTED_PHONES=True)
def test_an_action_on_a_row_that_is_gone_finds_nothing(action: str, key: str) -> None:
    client = signed_in(Role.ADMIN)
    url = reverse(f"console:{action}", args=[key])

    replies = [client.get(url), client.post(url, {"password": "p", "source": "s", "to": "t", "confirmed": "1"})]

    assert [reply.status_code for reply in replies] == [404, 404]


@pytest.mark.parametrize("action", ["verify_numbers", "delete_selected"])
@pytest.mark.parametrize("key", ["abc", "²", "\x00", "9" * 40])
def test_an_action_on_what_is_no_row_is_refused(story: Story, action: str, key: str) -> None:
    client = signed_in(Role.ADMIN)
    url = reverse("console:contacts_contact_changelist")

    reply = client.post(url, {"action": action, "_selected_action": key, "confirmed": "1", "post": "yes"}, follow=True)

    assert reply.status_code == 200
    assert Contact.objects.count() == 1


POLICY = {"name": "Night", "rules": "", "group_by": "", "group_wait": "5", "group_interval": "30"}


@pytest.mark.parametrize(
    "typed",
    [
        {"targets-object": "contact:²"},
        {"targets-object": "contact:" + "9" * 5000},
        {"targets-object": "contact:" + "9" * 18},
        {"group_wait": "99999999999999"},
        {"group_interval": "86401"},
        {"group_interval": "9" * 5000},
        {"name": "\x00"},
    ],
)
def test_a_policy_that_cannot_be_is_refused_at_its_field(typed: dict[str, str]) -> None:
    reply = signed_in(Role.ADMIN).post(reverse("console:policies_notificationpolicy_add"), {**POLICY, **typed})

    assert reply.status_code == 200
    assert reply.context["errors"]
    assert not NotificationPolicy.objects.exists()


@pytest.mark.parametrize("severity", ["9" * 5000, "9999", "7", "²"])
def test_a_severity_that_is_none_is_refused_at_its_field(severity: str) -> None:
    typed = {"name": "Prometheus", "auto_resolve_seconds": "300", "severity_map": f"bad = {severity}"}

    reply = signed_in(Role.ADMIN).post(reverse("console:events_integration_add"), typed)

    assert reply.status_code == 200
    assert reply.context["errors"]
    assert not Integration.objects.exists()


@pytest.mark.parametrize("event", ["²", "abc", "9" * 40, "\x00", "987654"])
def test_explain_of_no_event_finds_nothing(event: str) -> None:
    assert signed_in(Role.VIEWER).get(reverse("console:explain"), {"event": event}).status_code == 404


TEST_MACHINE = {"key": "env", "operator": "eq", "value": "test"}
SAYS_NO_VERSION = "This form does not say which version of the row it was opened from."
CHANGED = [model for model in MODELS if "change" in getattr(console._registry[model], "writes", ())]


@pytest.mark.parametrize("model", CHANGED, ids=name_of)
def test_a_change_that_does_not_say_what_was_opened_is_refused(story: Story, model: type[Model]) -> None:
    story.group(story.contact("Ming"))
    story.robot("https://oapi.dingtalk.com/robot/send?access_token=t")
    subscribe(by=ADMIN, now=story.now, webhook_id=story.webhook("https://hooks.example.org/alerts").pk)
    story.schedule([story.contact("Lin")], name="Primary")
    create_escalation(by=ADMIN, now=story.now, name="Ladder",
                      steps=[StepInput(after_minutes=5, targets=[(story.contact("Wei").pk, ["sms"])])])  # fmt: skip
    create_silence(by=ADMIN, now=story.now, name="Test machines", rules=[[TEST_MACHINE]])
    create_inhibition(by=ADMIN, now=story.now, name="Cluster", source_rules=[[TEST_MACHINE]],
                      target_rules=[[{**TEST_MACHINE, "value": "live"}]])  # fmt: skip
    client = signed_in(Role.ADMIN)
    row = model._default_manager.order_by("pk")[:1].get()
    url = reverse(f"console:{name_of(model)}_change", args=[row.pk])
    before = model._default_manager.values().get(pk=row.pk)

    reply = client.post(url, {"name": "Other", "fallback": "none", "role": "viewer", "full_name": "Other"})

    assert SAYS_NO_VERSION in reply.content.decode()
    assert model._default_manager.values().get(pk=row.pk) == before


def test_the_default_is_not_changed_by_who_does_not_say_what_they_opened(story: Story) -> None:
    client = signed_in(Role.MANAGER)
    url = reverse("console:contacts_contact_default_configuration")
    before = get_defaults().fallback

    reply = client.post(url, {"fallback": "none"})

    assert SAYS_NO_VERSION in reply.content.decode()
    assert get_defaults().fallback == before != "none"


def test_what_others_wrote_cannot_turn_the_text_beside_it(story: Story) -> None:
    turned = "\u202edb-8"
    story.fires(f"Disk {turned}", summary=turned, severity="warning", instance=turned)
    story.passes(60)
    client = signed_in(Role.VIEWER)
    event = Event.objects.latest("id")
    alert = Alert.objects.latest("id")

    pages = [
        client.get(reverse("console:events_event_change", args=[event.pk])).content.decode(),
        client.get(reverse("console:alerts_alert_change", args=[alert.pk])).content.decode(),
    ]

    for page in pages:
        assert f"<bdi>instance</bdi></b>=<bdi>{turned}</bdi>" in page
        assert f"<bdi>{turned}</bdi>" in page


def test_open_alerts_come_first_and_the_worst_of_them_on_top(story: Story) -> None:
    for name, severity in (("Low", "info"), ("Worst", "critical"), ("Mild", "warning")):
        story.fires(name, severity=severity, instance="db-9")
    story.passes(60)
    done = Alert.objects.get(title__contains="Worst")
    resolve_alert(by=ADMIN, now=story.now, alert_id=done.pk, text="")

    page = signed_in(Role.VIEWER).get(reverse("console:alerts_alert_changelist"))

    shown = [(alert.severity, alert.resolved_at is None) for alert in page.context["cl"].result_list]
    assert [is_open for _severity, is_open in shown] == [True, True, True, False]
    severities = [severity for severity, is_open in shown if is_open]
    assert severities == sorted(severities)
    assert len(set(severities)) == 3


@pytest.mark.parametrize("key", ["abc", "1\x00", "-1", "9" * 30, "\uff11x"])
def test_what_can_be_no_key_is_no_page_and_no_fault(key: str) -> None:
    client = signed_in(Role.ADMIN)

    replies = {model: client.get(reverse(f"console:{name_of(model)}_change", args=[key])) for model in MODELS}

    assert {model: reply.status_code for model, reply in replies.items() if reply.status_code not in (302, 404)} == {}


def test_who_edits_what_was_deleted_meanwhile_stays_where_they_are(story: Story) -> None:
    wei, client = story.contact("Wei"), signed_in(Role.MANAGER)
    url, typed = reverse("console:contacts_contact_change", args=[wei.pk]), {"name": "Wei Wang", "version": "0"}
    wei.object.delete()

    in_a_box = client.post(url, typed, headers={"X-Tocsin-Dialog": "1"})
    on_a_page = client.post(url, typed)

    assert in_a_box.status_code == 404
    assert (on_a_page.status_code, on_a_page["Location"]) == (302, reverse("console:contacts_contact_changelist"))
