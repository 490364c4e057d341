"""An import and another writer at the same moment, each with a connection of its own."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, transaction

from tests.unit.contacts.writers import Writer
from tocsin.contacts.import_models import ContactImport
from tocsin.contacts.models import Contact, ContactGroup
from tocsin.contacts.rules.importing import ImportOptions, ImportState, Row
from tocsin.contacts.services import create_contact, delete_contacts, update_contact
from tocsin.contacts.services.import_holding import holding
from tocsin.contacts.services.import_writing import write_rows
from tocsin.contacts.services.imports import check_import, create_import, run_import, start_import
from tocsin.core.actors import SHELL
from tocsin.delivery.importing import work_on_imports

pytestmark = pytest.mark.django_db(transaction=True)


def rows(count: int) -> list[Row]:
    return [Row(n, {"name": f"Person {n}", "phone": f"+86138{n:08d}"}) for n in range(count)]


def write(now: datetime, given: list[Row]) -> list[tuple[int, str]]:
    with transaction.atomic():
        decisions = write_rows(by=SHELL, now=now, rows=given, options=ImportOptions())
    return [(item.row.number, item.fate.value) for item in decisions]


def test_a_row_that_loses_its_number_in_the_very_moment_is_refused_alone(now: datetime) -> None:
    with transaction.atomic():
        create_contact(by=SHELL, now=now, name="Quick", phone="+8613800000005", external_id="Q")
        writer = Writer(
            lambda: write(now, [Row(r.number, {**r.values, "external_id": f"E{r.number}"}) for r in rows(9)])
        )
        writer.wait_until_blocked()

    fates = dict(writer.finish())

    assert fates == {n: "refused" if n == 5 else "created" for n in range(9)}
    assert Contact.objects.count() == 9


def test_a_changed_row_that_loses_its_number_leaves_the_others_changed(now: datetime) -> None:
    write(now, rows(4))
    renamed = [Row(n, {"phone": f"+86138{n:08d}", "email": f"p{n}@example.org"}) for n in range(4)]
    with transaction.atomic():
        create_contact(by=SHELL, now=now, name="Quick", email="P2@example.org")
        writer = Writer(lambda: write(now, renamed))
        writer.wait_until_blocked()

    fates = dict(writer.finish())

    assert fates == {0: "changed", 1: "changed", 2: "refused", 3: "changed"}
    assert Contact.objects.get(name="Person 2").email is None


def test_a_contact_that_is_edited_meanwhile_keeps_that_edit(now: datetime) -> None:
    wei = create_contact(by=SHELL, now=now, name="Wei", phone="+8613800000000")
    with transaction.atomic():
        update_contact(by=SHELL, now=now, contact_id=wei.pk, version=None, email="wei@example.org")
        writer = Writer(lambda: write(now, [Row(1, {"phone": "+8613800000000", "user_id": "w"})]))
        writer.wait_until_blocked()

    assert writer.finish() == [(1, "changed")]
    wei.refresh_from_db()
    assert (wei.email, wei.user_id, wei.version) == ("wei@example.org", "w", 3)


def test_a_contact_that_is_deleted_meanwhile_is_made_anew(now: datetime) -> None:
    wei = create_contact(by=SHELL, now=now, name="Wei", phone="+8613800000000")
    with transaction.atomic():
        delete_contacts(by=SHELL, now=now, ids=[wei.pk])
        writer = Writer(lambda: write(now, [Row(1, {"name": "Wei", "phone": "+8613800000000"})]))
        writer.wait_until_blocked()

    assert writer.finish() == [(1, "created")]
    assert Contact.objects.get().pk != wei.pk


def test_two_imports_of_the_same_file_at_once_make_no_doubles(now: datetime) -> None:
    content = json.dumps(
        [
            {"external_id": f"E{n}", "name": f"P {n}", "email": f"p{n}@example.org", "groups": ["All"]}
            for n in range(300)
        ]
    ).encode()

    def whole() -> dict[str, Any]:
        options = ImportOptions(create_groups=True)
        row = create_import(by=SHELL, now=now, file_name="x", format="json", content=content, options=options)
        check_import(now=now, import_id=row.pk)
        start_import(by=SHELL, now=now, import_id=row.pk)
        return dict(run_import(now=now, import_id=row.pk).counts)

    writers = [Writer(whole), Writer(whole)]
    counts = [writer.finish() for writer in writers]

    assert Contact.objects.count() == 300
    assert ContactGroup.objects.get().memberships.count() == 300
    assert sum(each.get("created", 0) for each in counts) == 300


def test_one_import_is_worked_on_by_one_worker(now: datetime) -> None:
    row = create_import(
        by=SHELL, now=now, file_name="x", format="json", content=b'[{"phone": "1"}]', options=ImportOptions()
    )

    with holding(row.pk) as is_ours:
        other = Writer(lambda: work_on_imports(now)).finish()
    row.refresh_from_db()
    assert (is_ours, other, row.state) == (True, 0, ImportState.CHECKING)

    assert work_on_imports(now) == 1
    assert ContactImport.objects.get().state == ImportState.READY
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2")
        assert cursor.fetchone() == (0,)
