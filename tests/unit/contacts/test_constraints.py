"""What the database itself refuses, whatever the code above it does."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from tocsin.contacts import services
from tocsin.core.actors import SHELL

pytestmark = pytest.mark.django_db


def execute(sql: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)


@pytest.fixture
def contact_id(now: datetime) -> int:
    return services.create_contact(by=SHELL, now=now, name="Ann", phone="13812345678", email="ann@example.org").pk


@pytest.mark.parametrize(
    ("assignment", "constraint"),
    [
        ("name = ''", "contact_name_length"),
        ("name = ' Ann'", "contact_name_length"),
        ("name = 'Ann '", "contact_name_length"),
        ("name = E'A\\nnn'", "contact_name_printable"),
        ("phone = NULL, email = NULL", "contact_can_be_reached_somehow"),
        ("phone = ''", "contact_phone_is_e164"),
        ("phone = '13812345678'", "contact_phone_is_e164"),
        ("phone = '+0812345678'", "contact_phone_is_e164"),
        ("phone = '+8613812345678x'", "contact_phone_is_e164"),
        ("email = ''", "contact_email_is_address"),
        ("email = 'ann'", "contact_email_is_address"),
        ("email = E'ann@example.org\\nBcc: x@example.org'", "contact_email_is_address"),
        ("fallback = 'pray'", "contact_fallback_known"),
        ("lark_user_id = 'u1'", "contact_lark_id_is_open_id"),
        ("phone = NULL, phone_verified_at = now()", "contact_verified_needs_phone"),
    ],
)
def test_a_contact_that_breaks_a_rule_is_refused(contact_id: int, assignment: str, constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        execute(f"UPDATE contacts_contact SET {assignment} WHERE id = %s", contact_id)


def test_an_imported_chatbot_counts_as_a_way_to_reach_somebody(contact_id: int) -> None:
    execute(
        "UPDATE contacts_contact SET phone = NULL, email = NULL, legacy_chatbot_url = 'v1:x:y' WHERE id = %s",
        contact_id,
    )


@pytest.mark.parametrize(
    ("field", "value", "constraint"),
    [("phone", "+8613812345678", "contact_phone_unique"), ("email", "ANN@EXAMPLE.ORG", "contact_email_unique")],
)
def test_a_number_and_an_address_belong_to_one_contact(
    contact_id: int, now: datetime, field: str, value: str, constraint: str
) -> None:
    other = services.create_contact(by=SHELL, now=now, name="Bob", phone="13912345678", email="bob@example.org")

    with pytest.raises(IntegrityError, match=constraint):
        execute(f"UPDATE contacts_contact SET {field} = %s WHERE id = %s", value, other.pk)


@pytest.mark.parametrize("table", ["contacts_contactgroup", "contacts_robot"])
def test_names_of_groups_and_robots_follow_the_same_rule(table: str, now: datetime) -> None:
    constraint = {"contacts_contactgroup": "group_name", "contacts_robot": "robot_name"}[table]
    columns = {
        "contacts_contactgroup": "(id, name, created_at, version)",
        "contacts_robot": "(id, name, platform, url, secret, keyword, is_enabled, created_at, version)",
    }[table]
    values = {
        "contacts_contactgroup": "(%s, %s, now(), 1)",
        "contacts_robot": "(%s, %s, 'dingtalk', 'u', '', '', true, now(), 1)",
    }[table]

    for wrong in ("", " x", "a\tb"):
        with pytest.raises(IntegrityError, match=constraint):
            execute(f"INSERT INTO {table} {columns} VALUES {values}", 1, wrong)


def test_a_contact_is_in_a_group_once(contact_id: int, now: datetime) -> None:
    group = services.create_group(by=SHELL, now=now, name="DBA", contact_ids=[contact_id])

    with pytest.raises(IntegrityError, match="contact_once_in_group"):
        execute("INSERT INTO contacts_contactgroupmember (group_id, contact_id) VALUES (%s, %s)", group.pk, contact_id)


def test_there_is_one_row_of_defaults_and_it_is_never_default() -> None:
    execute("INSERT INTO contacts_contactdefaults (id, fallback, version) VALUES (1, 'sms', 1)")

    with pytest.raises(IntegrityError, match="contact_defaults_one_row"):
        execute("INSERT INTO contacts_contactdefaults (id, fallback, version) VALUES (2, 'sms', 1)")
    with pytest.raises(IntegrityError, match="contact_defaults_not_default"):
        execute("UPDATE contacts_contactdefaults SET fallback = 'default'")


_VERIFICATION = """
INSERT INTO contacts_phoneverification
    (contact_id, phone, method, nonce, code_digest, tries, created_at, expires_at, replaced_at, verified_at,
     verified_from, source, sent_via)
VALUES (%s, '+8613812345678', %s, 'n', '', %s, now(), now(), {replaced}, {verified}, '', %s, '')
"""


def test_a_contact_has_one_open_verification(contact_id: int) -> None:
    is_open = _VERIFICATION.format(replaced="NULL", verified="NULL")
    execute(is_open, contact_id, "link", 0, "")
    execute(_VERIFICATION.format(replaced="now()", verified="NULL"), contact_id, "link", 0, "")
    execute(_VERIFICATION.format(replaced="NULL", verified="now()"), contact_id, "code", 5, "")

    with pytest.raises(IntegrityError, match="verification_one_open"):
        execute(is_open, contact_id, "code", 0, "")


@pytest.mark.parametrize(
    ("replaced", "verified", "method", "tries", "source", "constraint"),
    [
        ("NULL", "NULL", "code", 6, "", "verification_tries"),
        ("now()", "now()", "link", 0, "", "verification_replaced_or_verified"),
        ("NULL", "now()", "attested", 0, "", "verification_attested_by_someone"),
        ("NULL", "now()", "link", 0, "HR", "verification_attested_by_someone"),
    ],
)
def test_a_verification_that_breaks_a_rule_is_refused(
    contact_id: int, replaced: str, verified: str, method: str, tries: int, source: str, constraint: str
) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        execute(_VERIFICATION.format(replaced=replaced, verified=verified), contact_id, method, tries, source)
