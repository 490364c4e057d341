"""People out of a file and into one over `/api/v1`, and the links that they get."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from simulators.lark_app import LarkAppSimulator, Person
from tests.stories.harness import Story, begin
from tests.web.rest.asking import Answer, Api, api_as, token_of
from tocsin.accounts.rules import Role
from tocsin.contacts.import_models import ContactImport
from tocsin.contacts.models import Contact, PersonalLink
from tocsin.contacts.queries import personal_link_by_token, personal_token_of
from tocsin.contacts.rules import LinkOutcome
from tocsin.core.clock import utc_now
from tocsin.delivery.worker import run_due

pytestmark = pytest.mark.django_db
PEOPLE = "name,phone,email,groups\nWei,13800001234,,Nights\nAnn,,ann@example.org,\nBad,,nobody,\n"


@pytest.fixture
def api() -> Api:
    return api_as(Role.MANAGER)


@pytest.fixture
def story() -> Story:
    return begin(utc_now())


def upload(api: Api, text: str = PEOPLE, name: str = "people.csv", key: str = "", **choices: str) -> Answer:
    headers = {"Authorization": f"Bearer {api.secret}"} | ({"Idempotency-Key": key} if key else {})
    file = SimpleUploadedFile(name, text.encode())
    reply = Client(raise_request_exception=False).post(
        "/api/v1/contact-imports", {"file": file, **choices}, headers=headers
    )
    return Answer(reply.status_code, reply.json(), reply.headers)


def checked(api: Api, **choices: str) -> str:
    """The path of an import that waits to be started."""
    made = upload(api, **choices)
    assert (made.status, made.body["state"]) == (201, "checking"), made.body
    run_due(utc_now())
    return f"/contact-imports/{made.body['id']}"


def test_a_file_is_looked_at_row_by_row_and_then_written(api: Api) -> None:
    path = checked(api, create_groups="true")

    seen = api("GET", path).body
    rows = api("GET", f"{path}/rows?limit=2").body
    rest = api("GET", f"{path}/rows?limit=2&cursor={rows['next']}").body
    nobody_yet = Contact.objects.count()
    started = api("POST", f"{path}/start")
    run_due(utc_now())
    done, written = api("GET", path).body, api("GET", f"{path}/rows?fate=created").body["items"]

    assert (seen["state"], seen["row_count"], seen["counts"]) == ("ready", 3, {"created": 2, "refused": 1})
    assert [(row["number"], row["fate"]) for row in rows["items"]] == [(2, "created"), (3, "created")]
    assert rows["items"][0]["values"]["phone"] == "+86 138 **** 1234"
    assert [(row["fate"], row["errors"][0]["field"]) for row in rest["items"]] == [("refused", "email")]
    assert (nobody_yet, started.body["state"]) == (0, "importing")
    assert (done["state"], done["counts"], done["progress"]) == ("done", {"created": 2, "refused": 1}, 2)
    assert {row["contact_id"] for row in written} == set(Contact.objects.values_list("pk", flat=True))
    assert api("POST", f"{path}/start").status == 409


def test_all_or_nothing_is_not_started_while_a_row_is_refused(api: Api) -> None:
    path = checked(api, all_or_nothing="true", create_groups="true")

    refused = api("POST", f"{path}/start")
    cancelled = api("POST", f"{path}/cancel")

    assert refused.status == 409
    assert cancelled.body["state"] == "cancelled"
    assert Contact.objects.count() == 0


def test_whole_numbers_of_a_file_are_shown_to_those_who_ask_and_that_is_audited(api: Api) -> None:
    path = checked(api)
    entries = LogEntry.objects.count()

    shown = api("GET", f"{path}/rows?reveal=true").body["items"]

    assert [row["values"].get("phone", "") for row in shown] == ["+8613800001234", "", ""]
    assert LogEntry.objects.count() == entries + 1
    assert api_as(Role.RESPONDER)("GET", f"{path}/rows").status == 403


def test_an_upload_with_a_key_happens_once(api: Api) -> None:
    first, again = upload(api, key="k-1"), upload(api, key="k-1")
    other = upload(api, PEOPLE + "Cho,,cho@example.org,\n", key="k-1")

    assert (first.status, again.body["id"], again.headers["Idempotency-Replayed"]) == (201, first.body["id"], "true")
    assert other.status == 422
    assert ContactImport.objects.count() == 1


def test_what_is_no_file_of_contacts_is_refused(api: Api) -> None:
    assert upload(api, name="people.pdf").wrong == ["file"]
    assert api("POST", "/contact-imports", {"file": "x"}).wrong == ["file"]
    headers = {"Authorization": f"Bearer {api.secret}", "Idempotency-Key": "k"}
    kind = "multipart/form-data; boundary=x"
    broken = Client(raise_request_exception=False).post(
        "/api/v1/contact-imports", data=b"--x\r\nnothing", content_type="multipart/form-data", headers=headers
    )
    odd = Client(raise_request_exception=False).post(
        "/api/v1/robots", data=b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
        content_type=kind, headers=headers,
    )  # fmt: skip
    assert [(reply.status_code, reply.headers["Content-Type"]) for reply in (broken, odd)] == [
        (400, "application/problem+json")
    ] * 2


def test_an_export_is_what_an_import_takes(api: Api, story: Story) -> None:
    ann = story.contact("Ann", phone="+8613800001234")
    story.contact("Bob")
    headers = {"Authorization": f"Bearer {api.secret}"}
    client = Client()

    everybody = client.get("/api/v1/contact-export?format=json", headers=headers)
    found = client.get("/api/v1/contact-export?text=ann", headers=headers)

    people = json.loads(b"".join(everybody))
    assert sorted(person["name"] for person in people) == ["Ann", "Bob"]
    assert found.headers["Content-Type"].startswith("text/csv")
    assert "138 0000 1234" in b"".join(found).decode()
    assert LogEntry.objects.get_for_object(ann).first().additional_data["note"].endswith("exported as csv")  # type: ignore[union-attr]
    viewer = {"Authorization": f"Bearer {token_of(Role.VIEWER)}"}
    assert client.get("/api/v1/contact-export", headers=viewer).status_code == 403


def test_personal_links_are_sent_and_revoked(api: Api, story: Story) -> None:
    ann = story.contact("Ann", email="ann@example.org")
    wanted = {"contact_ids": [ann.pk, 999_999], "channels": ["email"]}

    previewed = api("POST", "/personal-links/preview", wanted).body["results"]
    none_yet = PersonalLink.objects.count()
    sent = api("POST", "/personal-links/send", wanted).body["results"]
    token = personal_token_of(PersonalLink.objects.get())
    good = personal_link_by_token(token, utc_now())[0]
    (waits,) = api("GET", f"/personal-links/{ann.pk}").body["items"]
    revoked = api("POST", f"/personal-links/{ann.pk}/revoke").body["count"]
    (gone,) = api("GET", f"/personal-links/{ann.pk}").body["items"]

    assert [each["outcome"] for each in previewed] == ["sent", "unknown"]
    assert (none_yet, sent[0]["outcome"], sent[0]["delivery_id"] is None) == (0, "sent", False)
    assert token not in str(sent)
    assert (waits["state"], waits["address"], gone["state"]) == ("waits", "a***@example.org", "expired")
    assert api("GET", "/personal-links/999999").status == 404
    assert (good, revoked) == (LinkOutcome.OPEN, 1)
    assert personal_link_by_token(token, utc_now())[0] is LinkOutcome.EXPIRED
    assert api("POST", f"/personal-links/{ann.pk}/revoke").body["count"] == 0
    assert api("POST", "/personal-links/999999/revoke").status == 404


@pytest.fixture
def lark() -> Iterator[LarkAppSimulator]:
    with LarkAppSimulator(people={"Ann": Person("ou_ann", mobile="+8613800000001")}) as simulator:
        yield simulator


def test_user_ids_are_looked_up_and_filled_in(api: Api, story: Story, lark: LarkAppSimulator) -> None:
    story.account("lark_app", **lark.config)
    ann, bob = story.contact("Ann", phone="+8613800000001"), story.contact("Bob", phone="+8613800000002")
    [directory] = api("GET", "/directories").body
    asked: dict[str, Any] = {"contact_ids": [ann.pk, bob.pk]}

    seen = api("POST", f"/directories/{directory['id']}/look-up", asked).body
    still = Contact.objects.get(pk=ann.pk).lark_user_id
    done = api("POST", f"/directories/{directory['id']}/look-up", {**asked, "fill_in": True}).body

    assert [(each["name"], each["known"]) for each in seen["results"]] == [("Ann", "found"), ("Bob", "unknown")]
    assert (still, done["platform"], done["results"][0]["known"]) == ("", "lark", "filled_in")
    assert Contact.objects.get(pk=ann.pk).lark_user_id == "ou_ann"
