"""What the console's pages show: to whom, in how many statements, and with which numbers masked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from auditlog.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.stories.harness import ADMIN, Story, begin
from tests.web.people import signed_in, user_with
from tocsin.accounts.queries import newest_entries
from tocsin.accounts.rules import Role
from tocsin.accounts.services import create_access_key, create_token
from tocsin.alerts.models import Alert
from tocsin.contacts.models import Contact
from tocsin.contacts.services import attest_phone, import_contact
from tocsin.core.clock import utc_now
from tocsin.delivery.lifecycle import subscribe
from tocsin.delivery.models import Delivery
from tocsin.policies.services import StepInput, create_escalation
from tocsin.policies.services.inhibitions import create_inhibition
from tocsin.policies.services.silences import create_silence
from tocsin.web.console.pages import console

pytestmark = pytest.mark.django_db
MODELS = sorted(console._registry, key=lambda model: str(model._meta.label))
NAMES = [f"{model._meta.app_label}_{model._meta.model_name}" for model in MODELS]
ADMINS_ONLY = {"accounts_user", "accounts_apitoken", "accounts_accesskey", "channels_provideraccount"}
MANAGERS = {"auditlog_logentry"}
PHONE = "+8613800001234"
MASKED = "+86 138 **** 1234"
EMAIL = "wei@example.org"


@pytest.fixture
def story(now: datetime) -> Iterator[Story]:
    """Wei is called and does not answer; every table has a row."""
    with time_machine.travel(now + timedelta(minutes=2), tick=False):
        story = begin(now)
        wei = story.contact("Wei", phone=PHONE, email=EMAIL)
        story.contact("Bob", verified=False)
        import_contact(by=ADMIN, now=now, name="Old bot", legacy_chatbot_url="https://oapi.dingtalk.com/robot/send?x=1")
        robot = story.robot("https://oapi.dingtalk.com/robot/send?access_token=t")
        hook = story.webhook("https://hooks.example.org/alerts")
        subscribe(by=ADMIN, now=now, webhook_id=hook.pk, kinds=["commented"])
        group = story.group(wei)
        story.policy({group: ["phone", "email"]}, name="Databases")
        story.policy({robot: []}, rules=[[{"key": "alertname", "operator": "eq", "value": "Other"}]])
        rule = [[{"key": "team", "operator": "eq", "value": "web"}]]
        create_inhibition(by=ADMIN, now=now, name="Down", source_rules=rule, target_rules=rule)
        create_silence(by=ADMIN, now=now, name="Nights", rules=[[{"key": "team", "operator": "eq", "value": "batch"}]])
        story.schedule([wei])
        create_escalation(by=ADMIN, now=now, name="Nights", steps=[StepInput(targets=[(wei.pk, ["sms"])])])
        create_token(by=ADMIN, now=now, name="ci", role=Role.VIEWER)
        create_access_key(by=ADMIN, now=now, user_id=user_with(Role.VIEWER).pk, name="sync", role=Role.VIEWER)
        story.fires("DiskFull", summary="db-7 is full", severity="critical", instance="db-7")
        story.passes(60)
        yield story


def pk_of(name: str) -> object:
    return MODELS[NAMES.index(name)].objects.order_by("pk").values_list("pk", flat=True).first()


def may_see(role: Role, name: str) -> bool:
    if name in ADMINS_ONLY:
        return role is Role.ADMIN
    return name not in MANAGERS or role in (Role.MANAGER, Role.ADMIN)


@pytest.mark.parametrize("role", Role)
def test_each_role_opens_the_rows_of_its_lists_and_no_others(story: Story, role: Role) -> None:
    client = signed_in(role)

    for name in NAMES:
        reply = client.get(reverse(f"console:{name}_change", args=[pk_of(name)]), follow=True)
        assert reply.status_code == (200 if may_see(role, name) else 403), name


def test_a_row_that_is_not_there_is_no_fault(story: Story) -> None:
    client = signed_in(Role.ADMIN)

    for name in NAMES:
        assert client.get(reverse(f"console:{name}_change", args=[987654])).status_code in (302, 404), name


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
def test_who_only_looks_finds_no_door_to_write(story: Story, role: Role) -> None:
    client = signed_in(role)

    for model, admin in console._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        assert client.get(reverse(f"console:{name}_add")).status_code == 403, name
        if pk_of(name) is not None:
            for page in ("change", "delete"):
                reply = client.post(reverse(f"console:{name}_{page}", args=[pk_of(name)]), {"post": "yes"})
                assert reply.status_code in (403, 405), (name, page, admin)


@pytest.mark.parametrize(
    "page", ["", "explain/", "outbox/", "account/", "account/password/", "contacts/contact/defaults/"]
)
@pytest.mark.parametrize("role", Role)
def test_pages_that_are_no_table_open(story: Story, page: str, role: Role) -> None:
    is_allowed = page != "contacts/contact/defaults/" or role in (Role.MANAGER, Role.ADMIN)

    assert signed_in(role).get(f"/console/{page}").status_code == (200 if is_allowed else 403)


def test_a_list_reads_as_many_statements_for_many_rows_as_for_few(story: Story) -> None:
    client = signed_in(Role.ADMIN)

    def read() -> dict[str, list[str]]:
        found = {}
        for name in NAMES:
            with CaptureQueriesContext(connection) as captured:
                client.get(reverse(f"console:{name}_changelist"))
            found[name] = [query["sql"][:150] for query in captured.captured_queries]
        return found

    read()
    few = read()
    for number in range(8):
        contact = story.contact()
        story.policy({story.group(contact): ["email"]})
        story.fires(f"Event{number}", severity="warning")
        create_token(by=ADMIN, now=story.now, name=f"token {number}", role=Role.VIEWER)
    story.passes(6)

    many = read()

    assert {name: many[name] for name in NAMES if len(many[name]) > min(19, len(few[name]) + 1)} == {}


def test_the_alert_page_reads_few_statements_whatever_its_size(story: Story) -> None:
    client = signed_in(Role.ADMIN)
    url = reverse("console:alerts_alert_change", args=[story.alert().pk])
    client.get(url)
    with CaptureQueriesContext(connection) as few:
        client.get(url)
    for number in range(10):
        story.fires("DiskFull", instance=f"db-{number + 20}")
    story.passes(120)

    with CaptureQueriesContext(connection) as many:
        client.get(url)

    assert len(many) == len(few)
    assert len(many) < 20


@pytest.mark.parametrize("role", Role)
def test_lists_show_nobody_a_whole_number(story: Story, role: Role) -> None:
    client = signed_in(role)

    for name in ("contacts_contact", "delivery_delivery", "alerts_alert"):
        page = client.get(reverse(f"console:{name}_changelist")).content.decode()
        assert PHONE not in page
        assert EMAIL not in page
    assert MASKED in client.get(reverse("console:contacts_contact_changelist")).content.decode()


@pytest.mark.parametrize(("role", "sees"), [(Role.VIEWER, False), (Role.RESPONDER, False), (Role.MANAGER, True)])
def test_a_contacts_number_is_masked_below_managers_and_each_reveal_is_audited(
    story: Story, role: Role, sees: bool
) -> None:
    client = signed_in(role)
    wei = pk_of("contacts_contact")
    LogEntry.objects.all().delete()

    page = client.get(reverse("console:contacts_contact_change", args=[wei])).content.decode()

    assert (PHONE in page) == sees
    assert (EMAIL in page) == sees
    assert MASKED in page or sees
    entries = [(entry.action, entry.object_id, entry.additional_data["by"]) for entry in LogEntry.objects.all()]
    assert entries == ([(LogEntry.Action.ACCESS, wei, "manager")] if sees else [])


@pytest.mark.parametrize(("role", "found"), [(Role.VIEWER, 0), (Role.RESPONDER, 0), (Role.MANAGER, 1)])
@pytest.mark.parametrize("typed", ["138 0000 1234", "wei@example"])
def test_a_search_gives_no_number_away(story: Story, role: Role, found: int, typed: str) -> None:
    reply = signed_in(role).get(reverse("console:contacts_contact_changelist"), {"q": typed})

    assert reply.context["cl"].result_count == found


def test_unverified_contacts_lead_managers_to_the_text(story: Story) -> None:
    bob = pk_of("contacts_contact")
    assert bob is not None
    url = reverse("console:contacts_contact_verify_number", args=[int(str(bob)) + 1])

    assert url in signed_in(Role.MANAGER).get(reverse("console:contacts_contact_changelist")).content.decode()
    assert url not in signed_in(Role.VIEWER).get(reverse("console:contacts_contact_changelist")).content.decode()
    assert signed_in(Role.VIEWER).get(url).status_code == 403


def test_events_that_nobody_is_told_of_are_found_from_the_front_page(story: Story) -> None:
    story.policy({}, name="off", is_enabled=False)
    for policy in MODELS[NAMES.index("policies_notificationpolicy")].objects.all():
        policy.__class__.objects.filter(pk=policy.pk).update(is_enabled=False)
    story.fires("Lonely", severity="page")
    client = signed_in(Role.VIEWER)

    home = client.get("/console/")
    found = client.get(reverse("console:events_event_changelist"), {"state": "active", "matched": "none"})

    assert home.context["events"] == {"active": 2, "unmatched": 1}
    assert [str(event) for event in found.context["cl"].result_list] == ["Lonely"]


def test_the_front_page_counts_what_did_not_arrive_in_a_day(story: Story) -> None:
    moments = {"failed": (0, 24, 25), "ambiguous": (1,), "delivered": (1, 2)}
    template = Delivery.objects.earliest("pk")
    Delivery.objects.all().delete()
    now = utc_now()
    for state, hours in moments.items():
        for ago in hours:
            template.pk, template.state, template.planned_at = None, state, now - timedelta(hours=ago)
            template.save(force_insert=True)

    counted = signed_in(Role.VIEWER).get("/console/").context["deliveries"]

    assert counted == {"failed": 2, "ambiguous": 1}


@pytest.mark.parametrize(("page", "index"), [("/console/", "delivery_not_arrived"), ("/metrics", "delivery_by_time")])
def test_figures_of_a_day_are_read_by_an_index(story: Story, page: str, index: str) -> None:
    client = signed_in(Role.VIEWER)
    with CaptureQueriesContext(connection) as read:
        client.get(page)

    statements = [query["sql"] for query in read.captured_queries if '"planned_at" >=' in query["sql"]]
    assert statements
    for statement in statements:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # so few rows would be read whole
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert index in plan


def test_the_front_page_warns_while_only_the_outbox_carries_messages(story: Story) -> None:
    before = signed_in(Role.VIEWER).get("/console/").context["simulated"]
    story.account("smtp", host="mail.example.org", **{"from": "a@example.org"})

    after = signed_in(Role.VIEWER).get("/console/").context["simulated"]

    assert sorted(before) == ["Email", "Phone call", "Text message"]
    assert sorted(after) == ["Phone call", "Text message"]


def test_an_account_is_offered_to_administrators_while_a_channel_is_simulated(story: Story) -> None:
    story.account("smtp", host="mail.example.org", **{"from": "a@example.org"})

    assert "Add a provider account" in signed_in(Role.ADMIN).get("/console/").text
    assert "Add a provider account" not in signed_in(Role.MANAGER).get("/console/").text


def test_no_badge_counts_nothing(story: Story) -> None:
    badge = "whitespace-nowrap uppercase min-w-[18px] bg-red-100 text-red-700"

    before = signed_in(Role.VIEWER).get("/console/").text
    Alert.objects.update(state="handling")
    after = signed_in(Role.VIEWER).get("/console/").text

    assert badge in before
    assert badge not in after


def test_times_are_those_of_the_users_zone(story: Story) -> None:
    client = signed_in(Role.ADMIN)
    alert = reverse("console:alerts_alert_change", args=[story.alert().pk])
    assert "2026-11-23 12:00:00 UTC" in client.get(alert).content.decode()

    from_form = {"username": "admin", "full_name": "", "email": "", "role": "admin", "is_active": "on", "language": ""}
    user = MODELS[NAMES.index("accounts_user")].objects.get(username="admin")
    url = reverse("console:accounts_user_change", args=[user.pk])
    client.post(url, {**from_form, "time_zone": "Asia/Shanghai", "version": user.version})

    assert "2026-11-23 20:00:00 CST" in client.get(alert).content.decode()


def test_the_heading_of_a_row_is_its_name_as_it_was_given(story: Story) -> None:
    client = signed_in(Role.ADMIN)

    token = client.get(reverse("console:accounts_apitoken_change", args=[pk_of("accounts_apitoken")])).text
    audit = client.get(reverse("console:auditlog_logentry_changelist")).text

    assert _crumbs(token) == ["Settings", "API tokens", "ci"]
    assert ">contacts:read</code>" in token
    assert _crumbs(audit) == ["Settings", "Audit log"]


def test_the_page_of_a_new_row_says_so_and_has_no_button_that_leads_to_itself(story: Story) -> None:
    client, add = signed_in(Role.ADMIN), reverse("console:policies_notificationpolicy_add")
    row = reverse("console:policies_notificationpolicy_change", args=[pk_of("policies_notificationpolicy")])

    assert _crumbs(client.get(add).text)[-1] == "New"
    assert f'href="{add}"' not in client.get(add).text
    assert f'href="{add}"' in client.get(row).text


def test_the_audit_log_names_fields_as_pages_do_and_tells_times_by_the_readers_clock(
    story: Story, settings: Any
) -> None:
    settings.ATTESTED_PHONES = True
    policy = LogEntry.objects.filter(content_type__model="notificationpolicy").latest("pk")
    wei = pk_of("contacts_contact")
    Contact.objects.filter(pk=wei).update(phone_verified_at=None)
    attest_phone(by=ADMIN, now=story.now, contact_id=wei, source="HR")
    client = signed_in(Role.ADMIN)

    changes = client.get(reverse("console:auditlog_logentry_change", args=[policy.pk])).text
    contact = client.get(reverse("console:contacts_contact_overview", args=[wei])).text

    assert "<th>group wait (seconds)</th>" in changes
    assert "<th>stop here</th><td>–</td><td>no</td>" in changes
    said = re.findall(r"→ (\d{4}-.*?)</span>", contact)
    assert said == ["2026-11-23 12:01:00 UTC"]


def _crumbs(page: str) -> list[str]:
    heading = page.split("<h1", 1)[1].split("</h1>", 1)[0]
    parts = re.sub(r"<span class=\"material.*?</span>", "", heading, flags=re.DOTALL)
    return [" ".join(part.split()) for part in re.findall(r"tracking-tight\">(.*?)</", parts, re.DOTALL)]


def test_the_audit_log_of_a_row_is_its_history(story: Story) -> None:
    wei = pk_of("contacts_contact")

    reply = signed_in(Role.MANAGER).get(reverse("console:contacts_contact_history", args=[wei]), follow=True)

    assert reply.status_code == 200
    assert {entry.object_pk for entry in reply.context["cl"].result_list} == {str(wei)}


def test_a_text_is_looked_for_in_the_newest_entries_of_the_audit_log_and_the_page_says_so(story: Story) -> None:
    client, page = signed_in(Role.MANAGER), reverse("console:auditlog_logentry_changelist")
    newest = list(LogEntry.objects.order_by("-pk").values_list("pk", flat=True)[:3])

    with CaptureQueriesContext(connection) as asked:
        found = client.get(page, {"q": "wei"})
    with CaptureQueriesContext(connection) as unasked:
        client.get(page)

    assert list(newest_entries(LogEntry.objects.order_by("-pk"), most=3).values_list("pk", flat=True)) == newest
    assert newest_entries(LogEntry.objects.all(), most=10_000).count() == LogEntry.objects.count()
    assert "in the newest 100,000 entries that the filters leave" in found.text
    assert found.context["cl"].result_list
    assert any("OFFSET 100000" in query["sql"] for query in asked)
    assert not any("OFFSET 100000" in query["sql"] for query in unasked)


def test_old_alerts_and_deliveries_stay_readable_when_their_people_are_gone(story: Story) -> None:
    wei = pk_of("contacts_contact")
    client = signed_in(Role.ADMIN)

    deleted = client.post(reverse("console:contacts_contact_delete", args=[wei]), {"post": "yes"})
    story.now += timedelta(minutes=1)

    assert deleted.status_code == 302
    assert "Wei" in client.get(reverse("console:alerts_alert_change", args=[story.alert().pk])).content.decode()
    assert client.get(reverse("console:delivery_delivery_changelist")).status_code == 200


def test_actions_that_write_are_offered_to_those_who_may(story: Story) -> None:
    pages = {
        "policies_notificationpolicy": "copy",
        "events_integration": "rotate",
        "contacts_robot": "test_robot",
    }
    for name, action in pages.items():
        url = reverse(f"console:{name}_{action}", args=[pk_of(name)])
        for role, offered in ((Role.VIEWER, False), (Role.RESPONDER, False), (Role.MANAGER, True)):
            client = signed_in(role)
            page = client.get(reverse(f"console:{name}_change", args=[pk_of(name)])).content.decode()
            assert (url in page) == offered, (name, role)
            assert client.get(url).status_code == (200 if offered else 403)


def test_what_is_refused_or_missing_says_so_in_the_consoles_own_words(story: Story) -> None:
    client = signed_in(Role.VIEWER)

    refused, missing = client.get("/console/accounts/user/"), client.get("/console/nowhere/")

    assert (refused.status_code, missing.status_code) == (403, 404)
    assert "Your role does not allow this." in refused.content.decode()
    assert "There is nothing at this address" in missing.content.decode()


def test_a_page_of_a_list_that_is_gone_is_its_last_and_keeps_what_was_asked(story: Story) -> None:
    night = story.group(*(story.contact(f"Person {number:02d}") for number in range(52)), name="Night shift")
    story.contact("Zoe")
    for number in range(51):
        story.group(name=f"Shift {number:02d}")
    client = signed_in(Role.MANAGER)

    contacts = client.get(reverse("console:contacts_contact_changelist"), {"group": night.pk, "p": "7"})
    groups = client.get(reverse("console:contacts_contactgroup_changelist"), {"q": "Shift", "p": "7"})

    assert [row.name for row in contacts.context["cl"].result_list] == ["Person 50", "Person 51"]
    assert (contacts.context["cl"].page_num, contacts.context["cl"].result_count) == (2, 52)
    assert (groups.context["cl"].page_num, groups.context["cl"].result_count) == (2, 52)
    assert len(groups.context["cl"].result_list) == 2
