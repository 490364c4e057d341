"""The pages where a contact confirms a number: no sign-in, no script, nothing told to strangers."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tests.web.personal.pages import Clock, heading, press
from tocsin.channels.models import ProviderAccount
from tocsin.contacts import services
from tocsin.contacts.models import AddressCount, Contact, PhoneVerification
from tocsin.contacts.rules import OPENING_LINKS, PageLimit
from tocsin.core.actors import SHELL
from tocsin.delivery.models import Delivery
from tocsin.delivery.verifications import send_verifications, verification_message

pytestmark = pytest.mark.django_db
UNKNOWN = "A" * 22


@pytest.fixture
def ann(now: datetime) -> Contact:
    return services.create_contact(by=SHELL, now=now, name="Ann <b>", phone="138 1234 5678")


def link_for(contact: Contact, clock: Clock) -> str:
    send_verifications(by=SHELL, now=clock.now, contact_ids=[contact.pk])
    return newest_text(contact).partition("https://tocsin.example")[2]


def newest_text(contact: Contact) -> str:
    return verification_message(PhoneVerification.objects.filter(contact=contact).latest("pk"), "en")


def is_verified(contact: Contact) -> bool:
    contact.refresh_from_db()
    return contact.phone_verified_at is not None


# The link


def test_the_page_shows_organisation_name_masked_number_and_one_button(
    browser: Client, ann: Contact, clock: Clock, settings: Any
) -> None:
    settings.ORGANISATION = "Example & Co"

    page = browser.get(link_for(ann, clock))

    text = page.content.decode()
    assert heading(page) == "Confirm your number"
    assert "Example &amp; Co" in text
    assert "Ann &lt;b&gt;" in text
    assert "+86 138 **** 5678" in text
    assert "12345678" not in text
    assert re.findall(r"<button[^>]*>(.*?)</button>", text) == ["Verify"]
    assert "<script" not in text


@pytest.mark.parametrize("method", ["get", "head"])
def test_opening_it_never_verifies(browser: Client, ann: Contact, clock: Clock, method: str) -> None:
    path = link_for(ann, clock)

    for query in ("", "?do=verify"):
        assert getattr(browser, method)(path + query).status_code == 200

    assert not is_verified(ann)


def test_pressing_the_button_verifies_and_pressing_again_shows_success(
    browser: Client, ann: Contact, clock: Clock
) -> None:
    path = link_for(ann, clock)
    opened = browser.get(path)

    first = press(browser, opened, path, "verify")
    again = press(browser, opened, path, "verify")

    assert heading(first) == heading(again) == "Your number is verified"
    assert is_verified(ann)
    proof = PhoneVerification.objects.get()
    assert (proof.verified_at, proof.verified_from) == (clock.now, "203.0.113.9")


def test_a_used_link_says_already_verified(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    press(browser, browser.get(path), path, "verify")

    assert heading(browser.get(path)) == "This number is already verified"


def test_an_expired_link_offers_a_new_text_to_the_same_number(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    clock.passes(timedelta(hours=24))
    expired = browser.get(path)
    assert heading(expired) == heading(press(browser, expired, path, "verify")) == "This link has expired"

    sent = press(browser, expired, path, "send")

    assert heading(sent) == "A new message is on its way"
    new = newest_text(ann).partition("https://tocsin.example")[2]
    assert new != path
    assert Delivery.objects.filter(purpose="verification", address_masked="+86 138 **** 5678").count() == 2
    assert heading(press(browser, browser.get(new), new, "verify")) == "Your number is verified"


def test_the_offered_text_keeps_to_the_numbers_limits(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    clock.passes(timedelta(hours=24))
    expired = browser.get(path)
    press(browser, expired, path, "send")
    clock.passes(timedelta(seconds=5))

    limited = press(browser, expired, path, "send")

    assert heading(limited) == "Please wait a little"
    assert "in 1 minute." in limited.content.decode()
    assert PhoneVerification.objects.count() == 2


def test_where_nothing_carries_texts_an_expired_link_brings_a_call(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    clock.passes(timedelta(hours=24))
    ProviderAccount.objects.filter(channel="sms").update(is_enabled=False)
    expired = browser.get(path)

    called = press(browser, expired, path, "send")

    assert heading(called) == "We are calling you"
    assert 'href="/v/"' in called.content.decode()


def test_a_replaced_link_points_to_the_newest_message(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    clock.passes(timedelta(minutes=1))
    link_for(ann, clock)

    opened = browser.get(path)

    assert heading(opened) == heading(press(browser, opened, path, "verify")) == "There is a newer message"
    assert not is_verified(ann)


def test_a_link_that_can_be_pressed_does_not_send_texts(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)

    page = press(browser, browser.get(path), path, "send")

    assert heading(page) == "Confirm your number"
    assert PhoneVerification.objects.count() == 1


def test_where_no_text_can_be_sent_the_page_says_whom_to_tell(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    clock.passes(timedelta(hours=24))
    Delivery.objects.all().delete()
    ProviderAccount.objects.all().delete()

    assert heading(press(browser, browser.get(path), path, "send")) == "No message can be sent at the moment"


@pytest.mark.parametrize("token", [UNKNOWN, "x", "A" * 3000, "a/b", "%00", "%ff%fe", "ü"])
def test_an_unknown_link_gets_one_neutral_page(browser: Client, ann: Contact, clock: Clock, token: str) -> None:
    link_for(ann, clock)

    page = browser.get(f"/v/{token}")

    assert heading(page) == "This link is not valid"
    assert "Ann" not in page.content.decode()


def test_a_link_to_a_number_that_was_changed_is_as_unknown_as_any(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    opened = browser.get(path)
    services.update_contact(by=SHELL, now=clock.now, contact_id=ann.pk, version=None, phone="13912345678")

    assert heading(press(browser, opened, path, "verify")) == heading(browser.get(path)) == "This link is not valid"
    assert not is_verified(ann)


@pytest.mark.parametrize("end", [".", "。", "/", "),", "）。", "%20"])
def test_punctuation_that_a_message_app_took_for_the_link_does_no_harm(
    browser: Client, ann: Contact, clock: Clock, end: str
) -> None:
    assert heading(browser.get(link_for(ann, clock) + end)) == "Confirm your number"


# The form's protection


def test_a_form_without_its_token_changes_nothing(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)

    without_cookie = browser.post(path, {"do": "verify"})
    browser.get(path)
    with_a_wrong_token = browser.post(path, {"do": "verify", "csrfmiddlewaretoken": "x" * 64})

    for refused in (without_cookie, with_a_wrong_token):
        assert refused.status_code == 403
        assert "Please try again" in refused.content.decode()
    assert not is_verified(ann)


@pytest.mark.parametrize("origin", ["null", None])
def test_a_browser_that_hides_where_the_form_came_from_may_send_it(
    ann: Contact, clock: Clock, origin: str | None
) -> None:
    """Under `Referrer-Policy: no-referrer` that is every browser."""
    extra = {"HTTP_ORIGIN": origin} if origin else {}
    browser = Client(enforce_csrf_checks=True, **{"wsgi.url_scheme": "https"}, **extra)
    path = link_for(ann, clock)

    assert heading(press(browser, browser.get(path), path, "verify")) == "Your number is verified"


# The code


@pytest.fixture
def code(ann: Contact, clock: Clock, settings: Any) -> str:
    settings.PUBLIC_URL = ""
    send_verifications(by=SHELL, now=clock.now, contact_ids=[ann.pk])
    found = re.search(r"\b\d{8}\b", newest_text(ann))
    assert found
    return found[0]


def enter(browser: Client, phone: str, code: str) -> Any:
    return press(browser, browser.get("/v/"), "/v/", "verify", phone=phone, code=code)


@pytest.mark.parametrize("phone", ["13812345678", "+86 138-1234-5678", "１３８１２３４５６７８"])
def test_a_code_is_entered_with_the_number_in_any_spelling(
    browser: Client, ann: Contact, code: str, phone: str
) -> None:
    page = enter(browser, phone, f"{code[:4]} {code[4:]}")

    assert heading(page) == "Your number is verified"
    assert "+86 138 **** 5678" in page.content.decode()
    assert is_verified(ann)


def test_the_refusal_of_a_code_is_the_same_for_everybody(
    browser: Client, ann: Contact, code: str, clock: Clock
) -> None:
    other = services.create_contact(by=SHELL, now=clock.now, name="Never asked", phone="13700000000")
    pages = {"unknown number": enter(browser, "13999999999", code), "wrong code": enter(browser, ann.phone or "", "1")}
    pages["never asked"] = enter(browser, other.phone or "", code)
    pages["nonsense"] = enter(browser, "nonsense", code)
    for _ in range(5):
        enter(browser, ann.phone or "", "1")
    pages["too many tries"] = enter(browser, ann.phone or "", code)
    send_verifications(by=SHELL, now=clock.now + timedelta(minutes=1), contact_ids=[ann.pk])
    clock.passes(timedelta(minutes=20))
    found = re.search(r"\b\d{8}\b", newest_text(ann))
    pages["expired"] = enter(browser, ann.phone or "", found[0] if found else "")

    def shape(page: Any) -> str:
        text = re.sub(r'value="[^"]*"', "", page.content.decode())
        return re.sub(r'nonce="[^"]*"', "", text)

    assert len({shape(page) for page in pages.values()}) == 1
    assert {page.status_code for page in pages.values()} == {200}
    assert "do not go together" in pages["nonsense"].content.decode()
    assert not is_verified(ann)


def test_the_number_is_kept_and_the_code_is_not_when_it_is_refused(browser: Client, ann: Contact, code: str) -> None:
    text = enter(browser, '13812345678"><script>', "99999999").content.decode()

    assert 'value="13812345678&quot;&gt;&lt;script&gt;"' in text
    assert "99999999" not in text


def test_every_field_has_a_label_and_the_refusal_is_announced(browser: Client, ann: Contact, code: str) -> None:
    text = enter(browser, "13812345678", "1").content.decode()

    for field in re.findall(r'<input id="(\w+)"', text):
        assert f'<label for="{field}">' in text
    assert 'role="alert" id="refused"' in text
    assert text.count('aria-describedby="refused"') == 2


# Limits by address


def test_an_address_that_asks_too_often_has_to_wait(browser: Client, ann: Contact, code: str, clock: Clock) -> None:
    for _ in range(3):
        enter(browser, "13999999999", "1")
    AddressCount.objects.update(count=100)

    refused = enter(browser, ann.phone or "", code)

    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "600"
    assert "Try again in 10 minutes." in refused.content.decode()
    other = Client(enforce_csrf_checks=True, REMOTE_ADDR="203.0.113.10")
    assert heading(enter(other, ann.phone or "", code)) == "Your number is verified"
    clock.passes(timedelta(minutes=10))
    assert heading(enter(browser, ann.phone or "", code)) == "Your number is verified"


def test_links_are_counted_too_and_nothing_is_kept_for_long(browser: Client, clock: Clock) -> None:
    browser.get(f"/v/{UNKNOWN}")
    AddressCount.objects.update(count=OPENING_LINKS.count)
    assert browser.get(f"/v/{UNKNOWN}").status_code == 429
    clock.passes(timedelta(days=1))

    Client(REMOTE_ADDR="203.0.113.10").get(f"/v/{UNKNOWN}")

    assert list(AddressCount.objects.values_list("key", "count")) == [("open 203.0.113.10", 1)]


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:203.0.113.9", "203.0.113.9", True),
        ("203.0.113.9", "203.0.113.10", False),
        ("", "nonsense", True),
    ],
)
def test_an_ipv6_customer_is_one_address(one: str, other: str, are_same: bool, now: datetime) -> None:
    limit = PageLimit("x", 1, timedelta(minutes=1))

    services.count_request(limit=limit, address=one, now=now)
    until = services.count_request(limit=limit, address=other, now=now)

    assert until == (now + timedelta(minutes=1) if are_same else None)


# Headers and language


@pytest.mark.parametrize("path", ["/v/", f"/v/{UNKNOWN}"])
def test_the_pages_load_nothing_run_nothing_and_leave_no_trace(browser: Client, path: str) -> None:
    page = browser.get(path)

    nonce = re.search(r'<style nonce="([\w-]{22})">', page.content.decode())
    assert nonce
    assert page.headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'nonce-{nonce[1]}'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow, noarchive"
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "sessionid" not in page.cookies
    addresses = re.findall(r'(?:src|href|action)="([^"]*)"', page.content.decode())
    assert [address for address in addresses if not address.startswith(("data:", "/v/"))] == []
    assert browser.put(path).headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("accepted", "language", "title"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-hans", "确认您的手机号"),
        ("zh-TW", "zh-hans", "确认您的手机号"),
        ("en-GB,en", "en", "Confirm your number"),
        ("fr-FR,fr", "en", "Confirm your number"),
        ("", "en", "Confirm your number"),
    ],
)
def test_the_page_speaks_the_browsers_language(
    ann: Contact, clock: Clock, accepted: str, language: str, title: str
) -> None:
    browser = Client(HTTP_ACCEPT_LANGUAGE=accepted)

    page = browser.get(link_for(ann, clock))

    assert heading(page) == title
    assert f'<html lang="{language}">' in page.content.decode()
    assert "Accept-Language" in page.headers["Vary"]
