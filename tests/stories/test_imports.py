"""Files of contacts: checked by a worker, started by a person, written once however often they come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.stories.harness import ADMIN, Story
from tocsin.contacts.import_models import ContactImport, ContactImportFile, ContactImportRow
from tocsin.contacts.import_texts import problem_text
from tocsin.contacts.models import Contact, ContactGroup, ContactReach, PhoneVerification
from tocsin.contacts.queries.importing import row_view, rows_of, uses_losing_phone
from tocsin.contacts.rules import VerificationMethod
from tocsin.contacts.rules.importing import ImportOptions, ImportState
from tocsin.contacts.services import create_contact, update_contact
from tocsin.contacts.services.exporting import export_contacts
from tocsin.contacts.services.imports import CHUNK, cancel_import, create_import, run_import, start_import
from tocsin.core.errors import ConflictError
from tocsin.delivery.importing import advance_import
from tocsin.delivery.retention import forget
from tocsin.delivery.worker import run_due

Rows = list[dict[str, Any]]


def people(count: int, *, mail: str = "example.org", start: int = 0) -> Rows:
    return [
        {"external_id": f"E-{n}", "name": f"Person {n}", "phone": f"+86138{n:08d}", "email": f"p{n}@{mail}"}
        for n in range(start, start + count)
    ]


def uploaded(now: datetime, rows: Rows, **options: bool) -> ContactImport:
    content = json.dumps(rows).encode()
    row = create_import(
        by=ADMIN, now=now, file_name="hr.json", format="json", content=content, options=ImportOptions(**options)
    )
    run_due(now)
    row.refresh_from_db()
    return row


def imported(now: datetime, rows: Rows, **options: bool) -> ContactImport:
    row = uploaded(now, rows, **options)
    start_import(by=ADMIN, now=now, import_id=row.pk, may_attest=True)
    run_due(now)
    row.refresh_from_db()
    return row


def refusals(row: ContactImport) -> Mapping[int, dict[str, str]]:
    views = [row_view(item) for item in rows_of(row.pk, "refused")]
    return {view.number: {field: problem_text(*problem) for field, problem in view.problems.items()} for view in views}


def test_nothing_is_written_before_somebody_says_so(story: Story) -> None:
    row = uploaded(story.now, people(3))

    assert (row.state, row.counts, row.row_count) == (ImportState.READY, {"created": 3}, 3)
    assert Contact.objects.count() == 0
    assert not ContactImportFile.objects.exists()


def test_the_same_file_again_makes_no_doubles_and_a_changed_one_changes(story: Story) -> None:
    first = imported(story.now, people(5, mail="old.example"))
    again = uploaded(story.now, people(5, mail="old.example"))
    changed = imported(story.now, people(6, mail="new.example"))

    assert (first.state, first.counts) == (ImportState.DONE, {"created": 5})
    assert again.counts == {"unchanged": 5}
    assert changed.counts == {"created": 1, "changed": 5}
    assert sorted(Contact.objects.values_list("email", "version")) == [
        *((f"p{n}@new.example", 2) for n in range(5)),
        ("p5@new.example", 1),
    ]


def test_five_thousand_rows_take_no_more_statements_a_chunk_than_a_thousand(story: Story) -> None:
    with CaptureQueriesContext(
        connection,
    ) as few:
        imported(story.now, people(CHUNK))
    with CaptureQueriesContext(connection) as many:
        row = imported(story.now, people(5 * CHUNK, start=10_000))

    assert row.counts == {"created": 5 * CHUNK}
    assert len(many) < 5 * len(few)


def test_a_changed_number_is_unverified_and_what_was_known_of_it_is_forgotten(story: Story) -> None:
    wei = story.contact("Wei", phone="+8613800000001", email="wei@example.org")
    create_contact(by=ADMIN, now=story.now, name="Bob", phone="+8613800000002", external_id="B")
    ContactReach.objects.create(contact=wei, channel="sms", delivered_at=story.now)
    ContactReach.objects.create(contact=wei, channel="email", delivered_at=story.now)
    story.policy({wei: ["phone"]}, name="Databases")

    row = uploaded(story.now, [{"email": "WEI@example.org", "phone": "138 0000 0009"}])

    assert [use.name for use in uses_losing_phone(row.pk)] == ["Databases"]
    start_import(by=ADMIN, now=story.now, import_id=row.pk)
    run_due(story.now)
    wei.refresh_from_db()
    assert (wei.phone, wei.phone_verified_at, wei.email) == ("+8613800000009", None, "WEI@example.org")
    assert not ContactReach.objects.filter(contact=wei).exists()


def test_an_open_verification_of_the_old_number_ends(story: Story) -> None:
    wei = story.contact("Wei", phone="+8613800000001", verified=False)
    open_one = PhoneVerification.objects.create(
        contact=wei, phone=wei.phone, method="link", nonce="n", created_at=story.now, expires_at=story.now
    )

    imported(story.now, [{"email": wei.email, "phone": "+8613800000009"}])

    open_one.refresh_from_db()
    assert open_one.replaced_at == story.now


def test_each_refused_row_says_why_and_the_others_are_written(story: Story) -> None:
    story.contact("Ann", phone="+8613800000001", email=None)
    row = imported(
        story.now,
        [
            {"name": "Taken", "phone": "+8613800000002", "external_id": "E1"},
            {"name": "Double", "phone": "13800000002"},
            {"name": "Bad", "phone": "1.38E+10", "email": "nobody"},
            {"name": "Nul\0", "phone": "+8613800000003"},
            {"name": "No way"},
            {"name": "Lone \ud800", "phone": "+8613800000004"},
            {"name": "Night", "phone": "+8613800000005", "groups": ["Night shift"]},
            {"name": "#N/A", "phone": "+8613800000006", "groups": ["#REF!"]},
        ],
    )

    assert row.counts == {"created": 1, "refused": 7}
    found = refusals(row)
    assert found[2] == {"phone": "+8613800000002 stands in row 1 of this file already."}
    assert found[3]["phone"].startswith("A spreadsheet shortened this number to 1.38E+10 and lost its last digits.")
    assert found[3]["email"] == "This is not an email address; one looks like zhang@example.org."
    assert list(found[4]) == list(found[6]) == ["name"]
    assert found[5] == {"": "Give a phone number or an email address, or both."}
    assert found[7]["groups"].startswith("There is no contact group Night shift.")
    fault = "The spreadsheet has %s here: a formula without a result. Put the value itself into the cell."
    assert found[8] == {"name": fault % "#N/A", "groups": fault % "#REF!"}
    assert set(Contact.objects.values_list("name", flat=True)) == {"Ann", "Taken"}


def test_groups_become_those_of_the_file_and_missing_ones_are_made_when_asked(story: Story) -> None:
    old = story.group(story.contact("Ann", email="ann@example.org"), name="Old")

    imported(
        story.now,
        [{"email": "ann@example.org", "groups": ["New"]}, {"name": "Bob", "email": "b@x.example", "groups": ["New"]}],
        create_groups=True,
    )

    groups = {group.name: group for group in ContactGroup.objects.prefetch_related("members")}
    assert sorted(member.name for member in groups["New"].members.all()) == ["Ann", "Bob"]
    assert list(groups["Old"].members.all()) == []
    assert groups["Old"].version == old.version + 1


def test_empty_cells_are_passed_over_unless_they_are_to_clear(story: Story) -> None:
    wei = story.contact("Wei", phone="+8613800000001", email="wei@example.org", user_id="wei")
    row = {"phone": "+8613800000001", "email": "", "user_id": "", "name": "", "groups": ""}

    assert uploaded(story.now, [row]).counts == {"unchanged": 1}
    assert refusals(uploaded(story.now, [row], clear_empty=True))[1] == {"name": "Give a name of 1 to 64 characters."}
    imported(story.now, [{**row, "name": "Wei"}], clear_empty=True)

    wei.refresh_from_db()
    assert (wei.email, wei.user_id, wei.name) == (None, "", "Wei")


def test_all_or_nothing_is_refused_when_a_row_is(story: Story) -> None:
    row = uploaded(story.now, [*people(2), {"name": "No way"}], all_or_nothing=True)

    with pytest.raises(ConflictError, match="All or nothing"):
        start_import(by=ADMIN, now=story.now, import_id=row.pk)

    assert Contact.objects.count() == 0


def test_all_or_nothing_writes_nothing_when_a_row_is_refused_at_the_last_moment(story: Story) -> None:
    row = uploaded(story.now, people(CHUNK + 5), all_or_nothing=True)
    create_contact(by=ADMIN, now=story.now, name="Quick", phone=f"+86138{CHUNK + 3:08d}", external_id="other")

    start_import(by=ADMIN, now=story.now, import_id=row.pk)
    run_due(story.now)

    row.refresh_from_db()
    assert row.state == ImportState.NOTHING_WRITTEN
    assert Contact.objects.count() == 1
    assert list(refusals(row)) == [CHUNK + 4]
    assert row.counts == {"created": CHUNK + 4, "refused": 1}


def test_a_row_that_changed_since_it_was_checked_is_decided_anew(story: Story) -> None:
    row = uploaded(story.now, people(2))
    quick = create_contact(by=ADMIN, now=story.now, name="Quick", phone="+8613800000001", external_id="other")

    start_import(by=ADMIN, now=story.now, import_id=row.pk)
    run_due(story.now)

    row.refresh_from_db()
    assert row.counts == {"created": 1, "refused": 1}
    assert refusals(row)[2] == {"phone": "+8613800000001 belongs to Quick, whose external ID is other."}
    quick.refresh_from_db()
    assert quick.version == 1


def test_new_numbers_get_a_text_when_asked_and_only_once(story: Story) -> None:
    proved = story.contact("Proved", phone="+8613800000091", email="proved@example.org")

    row = imported(story.now, [*people(2), {"email": "proved@example.org", "user_id": "p"}], send_verifications=True)
    run_due(story.now)

    assert (row.state, row.text_count, row.counts) == (ImportState.DONE, 2, {"created": 2, "changed": 1})
    for contact in Contact.objects.exclude(pk=proved.pk).order_by("pk"):
        story.expect_text(contact)


def test_numbers_are_vouched_for_where_settings_and_the_role_allow_it(story: Story) -> None:
    rows = [{"name": "Bob", "phone": "+8613800000009", "verified_by": "HR directory, 2026-11-01"}]

    assert list(refusals(uploaded(story.now, rows))[1]) == ["verified_by"]
    row = imported(story.now, rows, may_attest=True, send_verifications=True)

    bob = Contact.objects.get()
    proof = PhoneVerification.objects.get()
    assert (bob.phone_verified_at, row.text_count) == (story.now, 0)
    assert (proof.method, proof.source) == (VerificationMethod.ATTESTED, "HR directory, 2026-11-01")


def test_an_old_chatbot_is_imported_once_and_kept(story: Story) -> None:
    rows = [{"name": "Old bot", "legacy_chatbot_url": "https://oapi.dingtalk.com/robot/send?access_token=t"}]

    imported(story.now, rows)

    assert Contact.objects.get().legacy_chatbot_url == rows[0]["legacy_chatbot_url"]
    assert uploaded(story.now, rows).counts == {"unchanged": 1}
    other = [{**rows[0], "email": "bot@example.org"}]
    assert uploaded(story.now, other).counts == {"created": 1}


def test_every_contact_has_its_audit_entry_without_numbers(story: Story) -> None:
    imported(story.now, [{"name": "Bob", "phone": "+8613800001234", "email": "bob@example.org"}])

    entry = LogEntry.objects.get(content_type__model="contact")
    assert entry.object_repr == "Bob"
    assert entry.changes == {"name": ["", "Bob"], "phone": ["", "+86 138 **** 1234"], "email": ["", "b***@example.org"]}
    assert entry.additional_data["by"] == "Ada Admin"


def test_what_is_kept_of_a_row_is_encrypted_and_forgotten_after_a_week(story: Story) -> None:
    row = imported(story.now, people(2))

    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(sealed, '') FROM contacts_contactimportrow")
        assert "Person" not in cursor.fetchone()[0]
    waiting = uploaded(story.now, people(1, start=50))
    forget(story.now + timedelta(days=8))
    row.refresh_from_db()
    waiting.refresh_from_db()
    assert not ContactImportRow.objects.exists()
    assert (row.state, row.counts, waiting.state) == (ImportState.DONE, {"created": 2}, ImportState.CANCELLED)


def test_one_that_waits_can_be_cancelled_and_then_not_be_started(story: Story) -> None:
    row = uploaded(story.now, people(2))

    cancel_import(by=ADMIN, now=story.now, import_id=row.pk)

    with pytest.raises(ConflictError):
        start_import(by=ADMIN, now=story.now, import_id=row.pk)
    with pytest.raises(ConflictError):
        cancel_import(by=ADMIN, now=story.now, import_id=row.pk)


def test_one_that_runs_is_cancelled_after_its_chunk(story: Story) -> None:
    row = uploaded(story.now, people(2 * CHUNK))
    start_import(by=ADMIN, now=story.now, import_id=row.pk)

    def cancel(running: ContactImport) -> None:
        cancel_import(by=ADMIN, now=story.now, import_id=row.pk)

    ended = run_import(now=story.now, import_id=row.pk, tell=cancel)

    assert (ended.state, Contact.objects.count(), ended.progress) == (ImportState.CANCELLED, CHUNK, CHUNK)


def test_groups_that_a_file_leaves_without_members_are_known_before_it_is_written(story: Story) -> None:
    ann, bob, cho = (story.contact(name, email=f"{name.lower()}@example.org") for name in ("Ann", "Bob", "Cho"))
    alone, taken_over = story.group(ann, name="Alone"), story.group(ann, name="Taken over")
    story.group(ann, bob, name="Shared")
    both = story.group(bob, cho, name="Both")

    rows = [
        {"email": "ann@example.org", "groups": ["Shared"]},
        {"email": "bob@example.org", "groups": ["Taken over"]},
        {"email": "cho@example.org", "groups": ["Taken over"]},
        {"email": "nobody", "groups": ["Alone"]},
    ]
    row = uploaded(story.now, rows)

    assert row.emptied_groups == [alone.pk, both.pk]
    assert uploaded(story.now, rows[:2]).emptied_groups == [alone.pk]
    start_import(by=ADMIN, now=story.now, import_id=row.pk)
    run_due(story.now)
    assert (alone.members.count(), taken_over.members.count(), both.members.count()) == (0, 2, 0)


def test_what_a_cancelled_import_did_not_write_is_not_said_to_be_written(story: Story) -> None:
    wei = story.contact("Wei", phone="+8613800000001", email="wei@example.org")
    rows = [*people(CHUNK, start=100), {"email": "wei@example.org", "phone": "+8613900000001"}, *people(1, start=5000)]
    row = uploaded(story.now, rows, send_verifications=True)
    start_import(by=ADMIN, now=story.now, import_id=row.pk)

    run_import(
        now=story.now, import_id=row.pk, tell=lambda _row: cancel_import(by=ADMIN, now=story.now, import_id=row.pk)
    )

    row.refresh_from_db()
    wei.refresh_from_db()
    assert (row.state, row.counts) == (ImportState.CANCELLED, {"created": CHUNK, "left": 2})
    assert [item.number for item in rows_of(row.pk, "left")] == [CHUNK + 1, CHUNK + 2]
    assert not rows_of(row.pk).filter(is_unverified=True).exists()
    assert wei.phone == "+8613800000001"


def test_a_cancelled_import_that_was_to_write_all_or_nothing_says_that_it_wrote_nothing(story: Story) -> None:
    row = uploaded(story.now, people(3), all_or_nothing=True)
    start_import(by=ADMIN, now=story.now, import_id=row.pk)
    cancel_import(by=ADMIN, now=story.now, import_id=row.pk)

    run_due(story.now)

    row.refresh_from_db()
    assert (row.state, row.counts) == (ImportState.CANCELLED, {"left": 3})
    assert not Contact.objects.exists()


def test_an_import_that_a_fault_ends_says_which_rows_it_had_not_written(story: Story) -> None:
    row = uploaded(story.now, people(CHUNK + 1))
    start_import(by=ADMIN, now=story.now, import_id=row.pk)

    def breaks(running: ContactImport) -> None:
        raise RuntimeError("broken")

    advance_import(row.pk, story.now, tell=breaks)

    row.refresh_from_db()
    assert (row.state, row.counts) == (ImportState.FAILED, {"created": CHUNK, "left": 1})


@pytest.mark.parametrize("all_or_nothing", [False, True])
def test_who_cancels_while_verification_texts_go_out_stops_them(story: Story, all_or_nothing: bool) -> None:
    row = uploaded(story.now, people(2), send_verifications=True, all_or_nothing=all_or_nothing)
    start_import(by=ADMIN, now=story.now, import_id=row.pk)
    run_import(now=story.now, import_id=row.pk)
    cancel_import(by=ADMIN, now=story.now, import_id=row.pk)

    run_due(story.now)

    row.refresh_from_db()
    assert (row.state, row.text_count, row.counts) == (ImportState.CANCELLED, 0, {"created": 2})
    assert not PhoneVerification.objects.exists()


@pytest.mark.parametrize("all_or_nothing", [False, True])
def test_the_next_worker_goes_on_where_one_stopped(story: Story, all_or_nothing: bool) -> None:
    row = uploaded(story.now, people(2 * CHUNK), all_or_nothing=all_or_nothing)
    start_import(by=ADMIN, now=story.now, import_id=row.pk)
    asked = iter([False, True])
    run_import(now=story.now, import_id=row.pk, should_stop=lambda: next(asked))
    assert Contact.objects.count() == (0 if all_or_nothing else CHUNK)

    run_due(story.now)

    row.refresh_from_db()
    assert (row.state, row.counts, Contact.objects.count()) == (ImportState.DONE, {"created": 2 * CHUNK}, 2 * CHUNK)


def test_a_file_that_cannot_be_read_says_why(story: Story) -> None:
    row = create_import(
        by=ADMIN, now=story.now, file_name="x.csv", format="csv", content=b"colour\nred\n", options=ImportOptions()
    )

    run_due(story.now)

    row.refresh_from_db()
    assert row.state == ImportState.FAILED
    assert row.failure.startswith("The first row must name the columns")
    assert not ContactImportFile.objects.exists()


@pytest.mark.parametrize("format", ["csv", "xlsx", "json"])
def test_what_is_exported_and_imported_again_changes_nothing_and_is_audited(story: Story, format: str) -> None:
    wei = story.contact('\'=Wei; "the, one"', phone="+8613800001234", email="Wei@Example.org", user_id="=1+1")
    story.contact("李雷", phone=None, email="a+b@example.org", language="zh-hans", time_zone="Asia/Shanghai")
    story.group(wei, name="Day; and\\night")
    story.group(wei, name="组；一")

    first = b"".join(export_contacts(by=ADMIN, now=story.now, format=format))
    row = create_import(
        by=ADMIN, now=story.now, file_name="x", format=format, content=first, options=ImportOptions(clear_empty=True)
    )
    run_due(story.now)

    row.refresh_from_db()
    assert (row.failure, row.counts) == ("", {"unchanged": 2})
    entry = LogEntry.objects.filter(action=LogEntry.Action.ACCESS, object_repr__startswith="'=Wei").get()
    assert entry.additional_data["note"] == f"shown: phone, email, exported as {format}"


def test_an_export_builds_the_same_contacts_elsewhere(story: Story) -> None:
    imported(story.now, [{**person, "groups": ["A", "B"]} for person in people(30)], create_groups=True)
    first = b"".join(export_contacts(by=ADMIN, now=story.now, format="csv"))
    Contact.objects.all().delete()

    row = create_import(by=ADMIN, now=story.now, file_name="x", format="csv", content=first, options=ImportOptions())
    run_due(story.now)
    start_import(by=ADMIN, now=story.now, import_id=row.pk)
    run_due(story.now)

    assert b"".join(export_contacts(by=ADMIN, now=story.now, format="csv")) == first


def test_a_concurrent_change_is_not_lost(story: Story) -> None:
    wei = story.contact("Wei", phone="+8613800000001", email="wei@example.org")
    row = uploaded(story.now, [{"email": "wei@example.org", "user_id": "w"}])
    update_contact(by=ADMIN, now=story.now, contact_id=wei.pk, version=None, name="Wei Zhang")

    start_import(by=ADMIN, now=story.now, import_id=row.pk)
    run_due(story.now)

    wei.refresh_from_db()
    assert (wei.name, wei.user_id) == ("Wei Zhang", "w")


def test_an_import_that_ends_its_workers_is_given_up_after_three_of_them(story: Story) -> None:
    class KilledError(BaseException):
        """What nothing catches."""

    def die(row: ContactImport) -> None:
        raise KilledError

    row = create_import(
        by=ADMIN, now=story.now, file_name="hr.json", format="json", content=json.dumps(people(3)).encode(),
        options=ImportOptions(),
    )  # fmt: skip
    for _worker in range(3):
        with pytest.raises(KilledError):
            advance_import(row.pk, story.now, tell=die)

    run_due(story.now)

    row.refresh_from_db()
    assert row.state == ImportState.FAILED
    assert row.failure.startswith("Each of 3 workers that took this import up ended in the middle of it.")


def test_an_import_that_is_put_down_again_and_again_is_not_given_up(story: Story) -> None:
    row = create_import(
        by=ADMIN, now=story.now, file_name="hr.json", format="json", content=json.dumps(people(3)).encode(),
        options=ImportOptions(),
    )  # fmt: skip
    for _worker in range(5):
        advance_import(row.pk, story.now, should_stop=lambda: True)

    run_due(story.now)

    row.refresh_from_db()
    assert (row.state, row.tries) == (ImportState.READY, 0)


def test_two_people_swap_their_numbers_in_one_file_also_without_ids(story: Story) -> None:
    wei = story.contact("Wei", phone="+8613800000001", email="wei@example.org")
    bob = story.contact("Bob", phone="+8613800000002", email="bob@example.org")
    rows = [
        {"name": "Wei", "phone": "+8613800000002", "email": "wei@example.org"},
        {"name": "Bob", "phone": "+8613800000001", "email": "bob@example.org"},
    ]

    row = imported(story.now, rows, all_or_nothing=True)
    again = uploaded(story.now, rows)

    wei.refresh_from_db()
    bob.refresh_from_db()
    assert (row.state, row.counts) == (ImportState.DONE, {"changed": 2})
    assert [(one.name, one.phone, one.phone_verified_at) for one in (wei, bob)] == [
        ("Wei", "+8613800000002", None), ("Bob", "+8613800000001", None)
    ]  # fmt: skip
    assert again.counts == {"unchanged": 2}
    assert LogEntry.objects.get_for_object(wei).filter(action=1).count() == 1


def test_a_number_passes_on_although_the_rows_stand_far_apart(story: Story) -> None:
    imported(story.now, people(2))
    before = dict(Contact.objects.values_list("external_id", "phone"))
    rows = [
        {"external_id": "E-0", "phone": before["E-1"], "email": "p1@example.org"},
        *people(CHUNK, start=10),
        {"external_id": "E-1", "phone": before["E-0"], "email": "p0@example.org"},
    ]

    checked = uploaded(story.now, rows)
    nobody_yet = dict(Contact.objects.values_list("external_id", "phone")) == before
    start_import(by=ADMIN, now=story.now, import_id=checked.pk)
    run_due(story.now)
    checked.refresh_from_db()

    assert (checked.counts, checked.progress, nobody_yet) == ({"created": CHUNK, "changed": 2}, CHUNK + 2, True)
    assert checked.state == ImportState.DONE
    pairs = Contact.objects.filter(external_id__in=["E-0", "E-1"]).order_by("external_id")
    assert list(pairs.values_list("phone", "email")) == [
        (before["E-1"], "p1@example.org"), (before["E-0"], "p0@example.org")
    ]  # fmt: skip


def test_who_keeps_a_number_or_cannot_be_told_from_another_gives_nothing_up(story: Story) -> None:
    story.contact("Wei", phone="+8613800000001", email="wei@example.org")
    story.contact("Bob", phone="+8613800000002", email="bob@example.org")
    kept = uploaded(story.now, [{"name": "Wei", "phone": "+8613800000002", "email": "wei@example.org"}])
    renamed = uploaded(
        story.now,
        [
            {"name": "Wei Zhang", "phone": "+8613800000002", "email": "wei@example.org"},
            {"name": "Robert", "phone": "+8613800000001", "email": "bob@example.org"},
        ],
    )

    assert (kept.counts, renamed.counts) == ({"refused": 1}, {"refused": 2})
