"""Import and export of contacts in the console: upload, preview, import, result, and who may."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

import openpyxl
import pytest
from auditlog.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.urls import reverse

from tests.stories.harness import ADMIN, Story, begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.contacts.import_models import ContactImport
from tocsin.contacts.models import Contact
from tocsin.contacts.rules.importing import MAX_FILE_BYTES, ImportState
from tocsin.contacts.services import create_contact
from tocsin.core.clock import utc_now
from tocsin.delivery.worker import run_due

pytestmark = pytest.mark.django_db
UPLOAD = "/console/contact-imports/"


def file_of(rows: Iterable[dict[str, Any]], name: str = "people.json") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, json.dumps(list(rows)).encode())


def people(count: int) -> list[dict[str, Any]]:
    return [
        {"external_id": f"E-{n}", "name": f"Person {n}", "phone": f"+86138{n:08d}", "email": f"p{n}@example.org"}
        for n in range(count)
    ]


def uploaded(client: Client, rows: Iterable[dict[str, Any]], **options: str) -> str:
    """The address of the import's page, after a worker has checked the file."""
    reply = client.post(UPLOAD, {"file": file_of(rows), "existing": "update", **options})
    assert reply.status_code == 302, reply.context["form"].errors
    run_due(utc_now())
    return str(reply["Location"])


def text_of(client: Client, address: str) -> str:
    reply = client.get(address)
    assert reply.status_code == 200
    return " ".join(reply.content.decode().split())


def test_a_file_is_looked_at_before_it_is_imported() -> None:
    client = signed_in(Role.MANAGER)
    rows = [*people(3), {"name": "No way"}, {"name": "<b>Bad</b>", "email": "nobody"}]

    address = uploaded(client, rows)
    preview = text_of(client, address)

    assert "3 contacts will be written" in preview
    assert "Import 3 rows" in preview
    assert "Give a phone number or an email address, or both." in preview
    assert "&lt;b&gt;Bad&lt;/b&gt;" in preview
    assert Contact.objects.count() == 0

    client.post(f"{address}start/")
    run_due(utc_now())
    result = text_of(client, address)

    assert Contact.objects.count() == 3
    assert "Imported" in result
    assert reverse("console:contacts_contact_change", args=[Contact.objects.earliest("pk").pk]) in result


def test_only_refused_rows_can_be_shown_and_pages_turned() -> None:
    client = signed_in(Role.MANAGER)
    address = uploaded(client, [*people(60), {"name": "No way"}])

    refused, second = text_of(client, f"{address}?fate=refused"), text_of(client, f"{address}?page=2")

    assert "No way" in refused
    assert "Person 1 " not in refused
    assert "Page 2 of 3" in second
    assert text_of(client, f"{address}?fate=nonsense&page=nonsense")


def test_refused_rows_come_back_as_a_file_that_can_be_corrected() -> None:
    client = signed_in(Role.MANAGER)
    content = "姓名,手机号,备注\nBad,1.38E+10,x\n=Evil,13800000001,\n".encode("gbk")
    reply = client.post(UPLOAD, {"file": SimpleUploadedFile("名单.csv", content), "existing": "update"})
    run_due(utc_now())

    file = client.get(f"{reply['Location']}refused/")
    rows = list(csv.DictReader(io.StringIO(b"".join(file).decode("utf-8-sig"))))  # type: ignore[arg-type]

    assert file["Content-Disposition"].startswith('attachment; filename="refused-')
    assert [(row["name"], row["phone"]) for row in rows] == [("Bad", "1.38E+10")]
    assert "1.38E+10" in rows[0]["error"]
    assert set(rows[0]) == {"error", "name", "phone"}
    assert "备注" in text_of(client, reply["Location"])


def test_while_nobody_works_the_page_says_so_and_asks_again() -> None:
    client = signed_in(Role.MANAGER)
    reply = client.post(UPLOAD, {"file": file_of(people(1)), "existing": "update"})

    page = text_of(client, reply["Location"])
    assert "No worker is running" in page
    assert 'hx-trigger="every 1s"' in page
    assert "HX-Refresh" not in client.get(f"{reply['Location']}live/").headers

    run_due(utc_now())
    assert client.get(f"{reply['Location']}live/")["HX-Refresh"] == "true"


def test_what_is_lost_is_said_before_it_is() -> None:
    story = begin(utc_now())
    wei = story.contact("Wei", phone="+8613800000001", email="wei@example.org")
    story.policy({wei: ["phone"]}, name="Databases")
    client = signed_in(Role.MANAGER)

    page = text_of(client, uploaded(client, [{"email": "wei@example.org", "phone": "+8613800000002"}]))

    assert "One verified number is replaced and must be verified again." in page
    assert "Databases" in page
    assert "phone number: +86 138 0000 0001 → +86 138 0000 0002" in page.lower()


def test_texts_are_counted_before_they_are_sent() -> None:
    begin(utc_now())
    client = signed_in(Role.MANAGER)

    address = uploaded(client, people(2), send_verifications="on")

    assert "2 numbers are new: each gets a verification text, as limits allow." in text_of(client, address)
    client.post(f"{address}start/")
    run_due(utc_now())
    assert "2 verification texts were queued." in text_of(client, address)


def test_all_or_nothing_with_refused_rows_has_no_button_and_no_way_around() -> None:
    client = signed_in(Role.MANAGER)
    address = uploaded(client, [*people(2), {"name": "No way"}], all_or_nothing="on")

    page = text_of(client, address)
    client.post(f"{address}start/")
    run_due(utc_now())

    assert "Import 2 rows" not in page
    assert "All or nothing was chosen" in page
    assert Contact.objects.count() == 0


def test_contacts_that_exist_are_left_alone_when_that_is_chosen() -> None:
    create_contact(by=ADMIN, now=utc_now(), name="Old", phone="+8613800000000", external_id="E-0")
    client = signed_in(Role.MANAGER)

    reply = client.post(UPLOAD, {"file": file_of(people(2)), "existing": "create"})
    run_due(utc_now())

    assert ContactImport.objects.get().counts == {"skipped": 1, "created": 1}
    assert "exists, not changed" in text_of(client, reply["Location"])


def test_a_file_that_empties_a_group_says_which_policies_tell_nobody_then(story: Story) -> None:
    group = story.group(story.contact("Ann", email="ann@example.org"), name="Night shift")
    story.policy({group: ["email"]}, name="Databases")
    client = signed_in(Role.MANAGER)

    address = uploaded(client, [{"email": "ann@example.org", "groups": ["Day shift"]}], create_groups="on")

    shown = text_of(client, address)
    assert "The group Night shift will have no members." in shown
    assert "Databases" in shown
    assert "Nobody else is told there." in shown


def test_a_row_without_a_name_is_shown_with_that_of_its_contact(story: Story) -> None:
    story.contact("Ann Smith", email="ann@example.org")
    client = signed_in(Role.MANAGER)

    address = uploaded(client, [{"email": "ann@example.org", "user_id": "ann"}])

    assert "<bdi>Ann Smith</bdi>" in text_of(client, address)


def test_half_a_character_in_a_file_is_refused_and_shown() -> None:
    client = signed_in(Role.ADMIN)
    row = {"name": "An\ud800n", "email": "ann@example.org", "groups": ["\udfff"]}

    address = uploaded(client, [row])

    shown = text_of(client, address)
    refused = b"".join(client.get(f"{address}refused/").streaming_content)  # type: ignore[arg-type]
    assert "Line breaks, control characters and broken characters are not allowed here." in shown
    assert "An?n" in shown
    assert [(row["name"], row["groups"]) for row in json.loads(refused)] == [("An?n", ["?"])]


def test_an_import_can_be_cancelled() -> None:
    client = signed_in(Role.MANAGER)
    address = uploaded(client, people(2))

    client.post(f"{address}cancel/")

    assert "rows were written before" not in text_of(client, address)
    assert ContactImport.objects.get().state == ImportState.CANCELLED
    assert "Import 2 rows" not in text_of(client, address)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("people.pdf", b"x", "Give a file whose name ends with one of: .csv, .xlsx, .json."),
        ("people.csv", b"0" * (MAX_FILE_BYTES + 1), "The file is too large: at most 50 MiB at once."),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_at_its_field(name: str, content: bytes, said: str) -> None:
    reply = signed_in(Role.MANAGER).post(UPLOAD, {"file": SimpleUploadedFile(name, content), "existing": "update"})

    assert reply.context["form"].errors == {"file": [said]}
    assert not ContactImport.objects.exists()


def test_a_file_that_cannot_be_read_says_why_on_its_page() -> None:
    client = signed_in(Role.MANAGER)
    reply = client.post(UPLOAD, {"file": SimpleUploadedFile("x.xlsx", b"no zip"), "existing": "update"})
    run_due(utc_now())

    assert "This file cannot be read" in text_of(client, reply["Location"])


def test_the_earlier_imports_are_listed_here_and_in_the_audit_log() -> None:
    client = signed_in(Role.MANAGER)
    address = uploaded(client, people(1))

    assert address in text_of(client, UPLOAD)
    assert "people.json" in text_of(client, "/console/auditlog/logentry/")


@pytest.mark.parametrize("format", ["csv", "xlsx", "json"])
def test_a_template_of_each_format(format: str) -> None:
    reply = signed_in(Role.MANAGER).get(f"{UPLOAD}template.{format}")

    assert reply["Content-Disposition"] == f'attachment; filename="contacts.{format}"'
    assert len(b"".join(reply)) > 100  # type: ignore[arg-type]


def test_numbers_may_be_vouched_for_by_administrators_where_settings_allow() -> None:
    rows = [{**people(1)[0], "verified_by": "HR directory"}]

    with override_settings(ATTESTED_PHONES=True):
        uploaded(signed_in(Role.MANAGER), rows)
        uploaded(signed_in(Role.ADMIN), rows)

    assert [row.counts for row in ContactImport.objects.order_by("pk")] == [{"refused": 1}, {"created": 1}]


def test_what_an_administrator_vouches_for_is_started_by_one() -> None:
    rows = [{**people(1)[0], "verified_by": "HR directory"}]
    with override_settings(ATTESTED_PHONES=True):
        address = uploaded(signed_in(Role.ADMIN), rows)

        reply = signed_in(Role.MANAGER).post(f"{address}start/", follow=True)
        assert "so an administrator starts it" in reply.content.decode()
        run_due(utc_now())
        assert not Contact.objects.exists()

        signed_in(Role.ADMIN).post(f"{address}start/")
        run_due(utc_now())
        assert Contact.objects.get().phone_verified_at is not None


def test_another_manager_who_looks_at_it_leaves_an_audit_entry() -> None:
    address = uploaded(signed_in(Role.MANAGER), people(1))
    LogEntry.objects.all().delete()

    text_of(signed_in(Role.MANAGER), address)
    text_of(signed_in(Role.ADMIN), address)

    (entry,) = LogEntry.objects.filter(action=LogEntry.Action.ACCESS)
    assert entry.additional_data["by"] == "admin"


def test_an_export_is_a_file_with_whole_numbers_and_an_audit_entry_for_each_contact() -> None:
    create_contact(by=ADMIN, now=utc_now(), name="Ann", phone="+8613800001234")
    create_contact(by=ADMIN, now=utc_now(), name="Bob", email="bob@example.org")
    LogEntry.objects.all().delete()
    client = signed_in(Role.MANAGER)

    question = text_of(client, "/console/contact-export/")
    reply = client.post("/console/contact-export/", {"format": "xlsx", "confirmed": "1"})
    book = openpyxl.load_workbook(io.BytesIO(b"".join(reply)))  # type: ignore[arg-type]

    assert "2 contacts, with whole numbers and addresses." in question
    assert [row[1:4] for row in book.active.iter_rows(min_row=2, values_only=True)] == [
        ("Ann", "+86 138 0000 1234", None),
        ("Bob", None, "bob@example.org"),
    ]
    entries = LogEntry.objects.filter(action=LogEntry.Action.ACCESS)
    assert sorted(entries.values_list("object_repr", flat=True)) == ["Ann", "Bob"]


def exported(reply: Any) -> list[str]:
    return [item["name"] for item in json.loads(b"".join(reply))]


def test_what_the_list_shows_or_what_is_selected_can_be_exported() -> None:
    ids = [
        create_contact(by=ADMIN, now=utc_now(), name=name, email=f"{name}@example.org").pk
        for name in ("Ann", "Anna", "Bob")
    ]
    client = signed_in(Role.MANAGER)
    answer = {"format": "json", "confirmed": "1"}
    chosen = {"action": "export_selected", "select_across": "0", "_selected_action": [str(ids[0]), str(ids[2])]}

    assert 'href="/console/contact-export/?q=ann"' in text_of(client, "/console/contacts/contact/?q=ann")
    assert "2 contacts, with" in text_of(client, "/console/contact-export/?q=ann")
    assert exported(client.post("/console/contact-export/?q=ann", answer)) == ["Ann", "Anna"]

    question = client.post("/console/contacts/contact/", chosen)
    assert "2 contacts, with" in question.content.decode()
    assert exported(client.post("/console/contacts/contact/", {**chosen, **answer})) == ["Ann", "Bob"]
    across = {**chosen, **answer, "select_across": "1", "_selected_action": [str(ids[0])]}
    assert exported(client.post("/console/contacts/contact/?q=ann", across)) == ["Ann", "Anna"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
@pytest.mark.parametrize("path", ["", "template.csv", "{pk}/", "{pk}/live/", "{pk}/refused/", "../contact-export/"])
def test_who_may_not_manage_sees_nothing_of_it(role: Role, path: str) -> None:
    uploaded(signed_in(Role.MANAGER), people(1))
    address = UPLOAD + path.format(pk=ContactImport.objects.get().pk)

    assert signed_in(role).get(address.replace("contact-imports/../", "")).status_code == 403


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
@pytest.mark.parametrize("act", ["start", "cancel"])
def test_who_may_not_manage_starts_and_cancels_nothing(role: Role, act: str) -> None:
    address = uploaded(signed_in(Role.MANAGER), people(1))

    assert signed_in(role).post(f"{address}{act}/").status_code == 403
    assert ContactImport.objects.get().state == ImportState.READY


def test_the_preview_of_a_new_contact_shows_what_it_is_given() -> None:
    client = signed_in(Role.MANAGER)
    ann = {"name": "Ann", "email": "ann@example.org", "groups": ["Night shift", "DBAs"], "fallback": "sms"}

    preview = client.get(uploaded(client, [ann, *people(1)], create_groups="on"))

    assert [row.lines for row in preview.context["rows"]] == [
        (
            "contact groups: Night shift, DBAs",
            "method to resend notifications if phone notifications fail: Send a text message",
        ),
        ("external ID: E-0",),
    ]
