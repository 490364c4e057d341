"""Who may call the ARMS-compatible API: signatures, clocks, nonces, keys."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from auditlog.models import LogEntry
from django.test import Client

from tests.web.arms.calling import Answer, Program, program
from tests.web.people import user_with
from tocsin.accounts.models import AccessKey, AccessNonce, User
from tocsin.accounts.queries import find_signing_key
from tocsin.accounts.rules import Role
from tocsin.accounts.services import (
    create_access_key,
    disable_access_key,
    enable_access_key,
    forget_nonces,
    set_role,
    take_nonce,
)
from tocsin.contacts.models import Contact
from tocsin.contacts.services import create_contact
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError
from tocsin.web.arms.signing import acs3_string, rpc_string, sign_acs3, sign_rpc

pytestmark = pytest.mark.django_db

PAGE = {"Page": "1", "Size": "20"}


def test_acs3_signs_as_the_vendor_does() -> None:
    query = {
        "PhoneNumbers": "13900000001",
        "SignName": "阿里云",
        "TemplateCode": "SMS_1",
        "TemplateParam": '{"code":"1"}',
        "OutId": "n-1",
    }
    headers = {
        "accept": "application/json",
        "host": "dysmsapi.aliyuncs.com",
        "user-agent": "ua",
        "x-acs-action": "SendSms",
        "x-acs-version": "2017-05-25",
        "x-acs-date": "2026-11-23T00:00:00Z",
        "x-acs-signature-nonce": "nonce1",
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
    }

    assert sign_acs3(acs3_string("POST", query, headers, b""), "AKSECRET").startswith("f9ecf30ad7ff62af")


def test_a_signed_request_is_answered_whichever_way_it_is_signed() -> None:
    one = program(Role.VIEWER)

    assert one.call("DescribeContacts", **PAGE).status == 200
    assert one.get("DescribeContacts", **PAGE).status == 200
    assert one.send("POST", PAGE, {}, action="DescribeContacts").status == 200
    assert one.send_rpc("POST", {"Page": "1"}, {"Size": "20"}, action="DescribeContacts").status == 200
    assert one.send_rpc("GET", PAGE, {}, action="DescribeContacts").status == 200
    assert one.send_rpc("POST", {}, PAGE, action="DescribeContacts").status == 200


def test_the_older_signature_covers_query_and_body() -> None:
    parameters = {"Action": "A", "AccessKeyId": "testid", "Name": "a b*~中", "Signature": "not part of it"}

    assert rpc_string("GET", parameters) == (
        "GET&%2F&AccessKeyId%3Dtestid%26Action%3DA%26Name%3Da%2520b%252A~%25E4%25B8%25AD"
    )
    # the vendor's own example of the scheme
    example = (
        "GET&%2F&AccessKeyId%3Dtestid%26Action%3DDescribeRegions%26Format%3DXML%26SignatureMethod%3DHMAC-SHA1%26"
        "SignatureNonce%3D3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf%26SignatureVersion%3D1.0%26Timestamp%3D"
        "2016-02-23T12%253A46%253A24Z%26Version%3D2014-05-26"
    )
    assert sign_rpc(example, "testsecret") == "OLeaidS1JvxuMvnyHOwuJ+uX5qY="


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"x-acs-date": "yesterday"}, 400, "InvalidTimeStamp.Format"),
        ({"x-acs-date": "2026-11-23T00:00:00Z"}, 400, "InvalidTimeStamp.Expired"),
        ({"x-acs-content-sha256": "0" * 64}, 400, "IncompleteSignature"),
        ({"x-acs-signature-nonce": ""}, 400, "MissingSignatureNonce"),
        ({"x-acs-version": "2018-01-01"}, 400, "InvalidVersion"),
    ],
)
def test_what_is_wrong_with_a_signed_request_has_a_code(change: dict[str, str], status: int, code: str) -> None:
    answer = program().send("POST", {}, PAGE, action="DescribeContacts", change=change)

    assert (answer.status, answer.code) == (status, code)


def test_clocks_may_differ_by_a_quarter_of_an_hour() -> None:
    one = program()

    def at(minutes: int) -> str:
        moment = datetime.now(UTC) + timedelta(minutes=minutes)
        return one.send(
            "POST", {}, PAGE, action="DescribeContacts", change={"x-acs-date": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
        ).code

    assert [at(-14), at(14), at(-16), at(16)] == ["", "", "InvalidTimeStamp.Expired", "InvalidTimeStamp.Expired"]


def test_a_nonce_serves_once_and_only_a_right_signature_uses_it_up() -> None:
    one = program()
    again = {"x-acs-signature-nonce": "only-once"}
    forger = Program(one.key_id, "guessed")

    assert forger.send("POST", {}, PAGE, action="DescribeContacts", change=again).code == "SignatureDoesNotMatch"
    assert one.send("POST", {}, PAGE, action="DescribeContacts", change=again).status == 200
    assert one.send("POST", {}, PAGE, action="DescribeContacts", change=again).code == "SignatureNonceUsed"
    assert program().send("POST", {}, PAGE, action="DescribeContacts", change=again).status == 200


def test_nonces_are_forgotten_once_their_requests_are_too_old(now: datetime) -> None:
    key = find_signing_key(program().key_id)
    assert key is not None

    assert take_nonce(key=key, nonce="n", now=now)
    assert not take_nonce(key=key, nonce="n", now=now + timedelta(minutes=31))
    assert forget_nonces(now + timedelta(minutes=59)) == 0
    assert forget_nonces(now + timedelta(minutes=61)) == 1
    assert not AccessNonce.objects.exists()


def test_what_is_not_signed_is_refused_and_what_is_not_covered_too() -> None:
    one = program()

    unsigned = one.raw("POST", {"Action": "DescribeContacts", "Version": "2019-08-08"}, b"", {})
    basic = one.raw("POST", {}, b"", {"x-acs-action": "DescribeContacts", "Authorization": "Basic eDp5"})
    behind = one.send_rpc("GET", PAGE, {}, action="DescribeContacts", headers={"Authorization": "Basic eDp5"})
    uncovered = one.raw(
        "POST",
        {},
        b"",
        {
            "x-acs-action": "DescribeContacts",
            "Authorization": f"ACS3-HMAC-SHA256 Credential={one.key_id},SignedHeaders=host,Signature=00",
        },
    )

    assert (unsigned.status, unsigned.code) == (400, "IncompleteSignature")
    assert behind.status == 200
    assert (basic.status, basic.code) == (400, "InvalidSignatureMethod")
    assert (uncovered.status, uncovered.code) == (400, "IncompleteSignature")
    assert "x-acs-action" in uncovered.body["Message"]


def test_nothing_can_be_added_to_a_request_that_somebody_else_signed() -> None:
    one = program()
    li = create_contact(by=SHELL, now=utc_now(), name="Li", phone="+8613800000001")
    about_li = {"ContactId": str(li.pk), "ContactIds": str(li.pk), **PAGE}

    def changed(query: str, headers: dict[str, str] | None = None, *, signed_in: str = "form") -> Answer:
        """DescribeContacts as it was signed, with this added to its address."""
        parameters = one.signed_rpc("POST", {**about_li, "Action": "DescribeContacts"})
        form, address = (parameters, query) if signed_in == "form" else ({}, f"{urlencode(parameters)}&{query}")
        return one.raw("POST", address, urlencode(form).encode(), headers or {})

    assert changed("").body["PageBean"]["Total"] == 1
    assert changed("Action=DeleteContact").code == "InvalidParameter"
    assert changed("Version=2018-01-01").code == "InvalidParameter"
    assert changed("Action=DeleteContact", signed_in="address").code == "InvalidParameter"
    assert changed("", {"x-acs-action": "DeleteContact"}).body["PageBean"]["Total"] == 1
    actionless = one.signed_rpc("POST", about_li)
    named = one.raw("POST", "", urlencode(actionless).encode(), {"x-acs-action": "DeleteContact"})
    assert (named.status, named.code) == (404, "InvalidApi.NotFound")
    assert Contact.objects.filter(pk=li.pk).exists()


def test_what_says_how_a_body_is_read_is_signed_with_it() -> None:
    one = program()

    with_body = one.send("POST", {}, PAGE, action="DescribeContacts", leaves_out=("content-type",))
    without = one.send("POST", PAGE, {}, action="DescribeContacts", leaves_out=("content-type",))

    assert (with_body.status, with_body.code, without.status) == (400, "IncompleteSignature", 200)
    assert "content-type" in with_body.body["Message"]


def test_a_key_that_is_unknown_wrong_or_disabled_opens_nothing() -> None:
    one = program()
    assert one.row is not None

    assert Program("TCAKnobody", "x").call("DescribeContacts", **PAGE).code == "InvalidAccessKeyId.NotFound"
    assert Program(one.key_id, "wrong").call("DescribeContacts", **PAGE).code == "SignatureDoesNotMatch"
    assert Program(one.key_id, "wrong").send_rpc("GET", PAGE, {}, action="DescribeContacts").code == (
        "SignatureDoesNotMatch"
    )
    disable_access_key(by=SHELL, now=utc_now(), access_key_id=one.row.pk)
    assert one.call("DescribeContacts", **PAGE).code == "InvalidAccessKeyId.Inactive"
    enable_access_key(by=SHELL, now=utc_now(), access_key_id=one.row.pk)
    assert one.call("DescribeContacts", **PAGE).status == 200


def test_a_key_may_never_do_more_than_its_user() -> None:
    owner = user_with(Role.MANAGER)
    with pytest.raises(InvalidInputError, match="role"):
        create_access_key(by=SHELL, now=utc_now(), user_id=owner.pk, name="too much", role=Role.ADMIN)
    one = program(Role.MANAGER)

    set_role(by=SHELL, now=utc_now(), user_id=owner.pk, role=Role.VIEWER)
    assert one.call("CreateOrUpdateContact", ContactName="Li", Phone="13800000000").code == "Forbidden.RAM"
    assert one.call("DescribeContacts", **PAGE).status == 200
    User.objects.filter(pk=owner.pk).update(is_active=False)
    assert one.call("DescribeContacts", **PAGE).code == "Forbidden.RAM"


def test_the_secret_is_stored_encrypted_and_the_last_use_is_noted() -> None:
    one = program()
    stored = AccessKey.objects.get(key_id=one.key_id)
    assert one.secret not in str(stored.__dict__)
    assert one.secret not in str([entry.__dict__ for entry in LogEntry.objects.all()])
    assert stored.last_used_at is None

    one.call("DescribeContacts", **PAGE)

    assert one.secret not in repr(find_signing_key(one.key_id))
    stored.refresh_from_db()
    assert stored.last_used_at is not None


def test_an_unknown_action_a_missing_and_a_malformed_parameter_have_codes_of_their_own() -> None:
    one = program()

    unknown = one.call("DescribeTheWeather")
    assert (unknown.status, unknown.code) == (404, "InvalidApi.NotFound")
    assert unknown.body["RequestId"]
    assert unknown.body["Message"]
    assert one.call("DescribeContacts", Page="1").code == "MissingSize"
    assert one.call("DescribeContacts", Page="one", Size="20").code == "InvalidPage"
    assert one.call("DescribeContacts", Page="1", Size="100000").code == "InvalidSize"
    assert one.call("DescribeContacts", **PAGE, ContactIds="1;drop").code == "InvalidContactIds"
    assert one.call("DeleteContact", ContactId=str(2**63)).code == "InvalidContactId"
    assert one.call("DescribeContacts", **PAGE, ContactName="a\0b").code == "InvalidParameter"
    assert one.send("PUT", {}, PAGE, action="DescribeContacts").code == "UnsupportedHTTPMethod"


def test_people_still_find_the_console_at_the_same_address() -> None:
    assert Client().get("/").headers["Location"] == "/console/"
    assert Client().post("/").status_code == 405


def test_what_is_too_large_is_refused_as_a_program_expects_it(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    one = program()

    signed = one.send("POST", {}, {"ContactName": "x" * 200}, action="CreateOrUpdateContact")
    unsigned = Client().post("/", "a=" + "x" * 200, content_type="application/x-www-form-urlencoded")

    assert (signed.status, signed.code) == (413, "RequestEntityTooLarge")
    assert unsigned.status_code == 413


def test_without_their_face_programs_find_no_door(settings: Any) -> None:
    one = program()
    settings.FACES = frozenset({"console"})

    assert one.client.get("/", headers={"x-acs-action": "DescribeContacts"}).headers["Location"] == "/console/"
    settings.FACES = frozenset({"public"})
    assert one.client.get("/").status_code == 404
