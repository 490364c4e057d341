"""A contact's own page: by a personal link without sign-in, or signed in. It sees and changes itself alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse

from tests.stories.harness import Story, begin
from tests.web.people import signed_in, user_with
from tocsin.accounts.rules import Role
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact, PersonalLink
from tocsin.contacts.services import delete_contacts, link_sign_in, update_contact
from tocsin.core.actors import SHELL
from tocsin.core.errors import InvalidInputError
from tocsin.delivery.models import Attempt, Delivery
from tocsin.delivery.personal_links import LinkSendOutcome, link_message, send_links
from tocsin.delivery.queries import outbox_messages
from tocsin.delivery.rules import DeliveryState, Purpose, Reason
from tocsin.delivery.worker import run_due

pytestmark = pytest.mark.django_db
UNKNOWN = "/c/" + "A" * 22


class Clock:
    def __init__(self, traveller: time_machine.Coordinates) -> None:
        self._traveller = traveller

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def passes(self, time: timedelta) -> None:
        self._traveller.shift(time)


@pytest.fixture(autouse=True)
def clock(db: None, now: datetime) -> Iterator[Clock]:
    with time_machine.travel(now, tick=False) as traveller:
        yield Clock(traveller)


@pytest.fixture
def story(clock: Clock) -> Story:
    return begin(clock.now)


@pytest.fixture
def browser() -> Client:
    """Keeps cookies, and is held to the check of the form's token."""
    return Client(enforce_csrf_checks=True, REMOTE_ADDR="203.0.113.9")


@pytest.fixture
def ann(story: Story) -> Contact:
    return story.contact("Ann <b>", phone="138 1234 5678", email="ann@example.org")


def newest_path(contact: Contact) -> str:
    """Of the link that was sent last."""
    link = PersonalLink.objects.filter(contact=contact).latest("pk")
    found = re.search(r"https://tocsin\.example(/c/\w{22})\b", link_message(link, "en").text)
    assert found
    return found[1]


def link_for(contact: Contact, clock: Clock, *channels: Any) -> str:
    (result,) = send_links(by=SHELL, now=clock.now, contact_ids=[contact.pk], channels=channels or (Channel.EMAIL,))
    assert result.outcome is LinkSendOutcome.SENT
    return newest_path(contact)


def press(browser: Client, page: Any, path: str, do: str, **typed: Any) -> Any:
    """Sends a form of a page that was opened, as a browser does."""
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
    assert token, page.content.decode()
    return browser.post(path, {"csrfmiddlewaretoken": token[1], "do": do, **typed})


def heading(page: Any) -> str:
    assert page.status_code == 200
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page.content.decode())
    assert found
    return found[1]


def come_in(browser: Client, path: str) -> Any:
    """Opens the link, continues, and reads the page that follows."""
    reply = press(browser, browser.get(path), path, "continue")
    assert (reply.status_code, reply["Location"]) == (302, "/c/my/")
    return browser.get("/c/my/")


def details(contact: Contact, **changed: str) -> dict[str, Any]:
    """What the form of the page sends."""
    contact.refresh_from_db()
    fields = ("phone", "email", "fallback", "user_id", "dingtalk_user_id", "lark_user_id", "wecom_user_id", "language")
    values = {field: getattr(contact, field) or "" for field in (*fields, "time_zone", "version")}
    return {**values, **changed}


def told(page: Any) -> list[str]:
    return re.findall(r'role="status">(.*?)</p>', page.content.decode())


# The link


def test_a_link_goes_out_by_mail_and_its_token_is_stored_nowhere(ann: Contact, story: Story, clock: Clock) -> None:
    path = link_for(ann, clock)
    token = path.removeprefix("/c/")

    run_due(clock.now)

    (message,) = outbox_messages()
    assert f"https://tocsin.example{path}" in message.text
    assert message.delivery.address_masked == "a***@example.org"
    assert (message.delivery.purpose, message.delivery.state) == (Purpose.LINK, DeliveryState.ACCEPTED)
    link = PersonalLink.objects.get()
    assert token not in {str(value) for value in vars(link).values()}
    assert message.delivery.content is None


def test_opening_shows_masked_data_only_and_uses_nothing_up(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)

    for _ in range(2):
        page = browser.get(path)
        browser.head(path)

    text = page.content.decode()
    assert heading(page) == "Your page"
    assert "Ann &lt;b&gt;" in text
    assert "a***@example.org" in text
    assert "ann@example.org" not in text
    assert "5678" not in text
    assert re.findall(r"<button[^>]*>(.*?)</button>", text) == ["Continue"]
    assert PersonalLink.objects.get().opened_at is None
    assert "tocsin_contact" not in browser.cookies


def test_continuing_opens_the_page_with_a_short_cookie_of_its_own(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)

    page = come_in(browser, path)

    cookie = browser.cookies["tocsin_contact"]
    assert heading(page) == "How alerts reach you"
    assert "+86 138 1234 5678" in page.content.decode()
    assert "ann@example.org" in page.content.decode()
    assert (cookie["path"], cookie["httponly"], cookie["samesite"], cookie["max-age"]) == ("/c/", True, "Lax", 1800)
    assert cookie["secure"]
    assert PersonalLink.objects.get().session_digest != cookie.value
    assert browser.get("/console/").status_code == 302


@pytest.mark.parametrize("path", ["/c/", UNKNOWN, "/c/my/"])
def test_every_page_keeps_its_address_to_itself_and_loads_nothing_foreign(browser: Client, path: str) -> None:
    page = browser.get(path)

    assert page["Referrer-Policy"] == "no-referrer"
    assert page["Cache-Control"] == "no-store"
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert "<script" not in page.content.decode()
    assert "//" not in page.content.decode().replace("http://www.w3.org", "")


def test_the_page_itself_has_those_headers(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))

    assert page["Referrer-Policy"] == "no-referrer"
    assert "script-src" not in page["Content-Security-Policy"]
    assert "<script" not in page.content.decode()


def test_a_link_works_once(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    come_in(browser, path)
    other = Client(enforce_csrf_checks=True)

    page = other.get(path)

    assert heading(page) == "This link was used already"
    assert heading(press(other, page, path, "continue")) == "This link was used already"
    assert "tocsin_contact" not in other.cookies


def test_pressing_twice_leads_to_the_page_that_is_open(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    before = browser.get(path)
    press(browser, before, path, "continue")

    again = press(browser, before, path, "continue")

    assert again["Location"] == "/c/my/"


def test_a_link_expires_after_a_day_and_another_goes_to_the_same_address(
    browser: Client, ann: Contact, clock: Clock
) -> None:
    path = link_for(ann, clock)
    clock.passes(timedelta(hours=24))

    page = browser.get(path)
    sent = press(browser, page, path, "send")

    assert heading(page) == "This link has expired"
    assert heading(sent) == "A new message is on its way"
    assert newest_path(ann) != path
    assert heading(browser.get(path)) == "There is a newer message"
    assert heading(browser.get(newest_path(ann))) == "Your page"


def test_a_newer_link_replaces_an_older_one(browser: Client, ann: Contact, clock: Clock) -> None:
    older = link_for(ann, clock)
    clock.passes(timedelta(minutes=2))
    link_for(ann, clock)

    run_due(clock.now)

    assert heading(browser.get(older)) == "There is a newer message"
    states = Delivery.objects.order_by("pk").values_list("state", "reason")
    assert list(states) == [(DeliveryState.CANCELLED, Reason.REPLACED), (DeliveryState.ACCEPTED, "")]


def test_a_link_is_worth_nothing_once_its_address_is_somebody_elses(
    browser: Client, ann: Contact, story: Story, clock: Clock
) -> None:
    path = link_for(ann, clock)
    clock.passes(timedelta(minutes=2))
    used = Client(enforce_csrf_checks=True)
    update_contact(by=SHELL, now=clock.now, contact_id=ann.pk, version=None, email="new@example.org")

    page = browser.get(path)

    assert heading(page) == "This link is not valid"
    assert "Ann" not in page.content.decode()
    assert used.get("/c/my/").status_code == 200
    run_due(clock.now)
    assert not Attempt.objects.exists()


def test_a_change_by_a_manager_of_the_address_ends_the_session_that_came_by_it(
    browser: Client, ann: Contact, clock: Clock
) -> None:
    come_in(browser, link_for(ann, clock))

    update_contact(by=SHELL, now=clock.now, contact_id=ann.pk, version=None, email="new@example.org")

    assert "Your page was closed" in browser.get("/c/my/").content.decode()


def test_an_unknown_link_and_that_of_a_deleted_contact_are_alike(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    delete_contacts(by=SHELL, now=clock.now, ids=[ann.pk])

    bodies = {re.sub(r'nonce="[^"]+"', "", browser.get(each).content.decode()) for each in (path, UNKNOWN, path + "x")}

    assert len(bodies) == 1


def test_a_text_goes_to_verified_numbers_only(ann: Contact, story: Story, clock: Clock) -> None:
    bob = story.contact("Bob", verified=False, email=None)

    results = send_links(by=SHELL, now=clock.now, contact_ids=[ann.pk, bob.pk], channels=[Channel.SMS])

    assert [result.outcome for result in results] == [LinkSendOutcome.SENT, LinkSendOutcome.NO_ADDRESS]
    assert Delivery.objects.get().address_masked == "+86 138 **** 5678"


def test_an_address_gets_one_link_a_minute_and_five_an_hour(ann: Contact, clock: Clock) -> None:
    outcomes = []
    for _ in range(7):
        (result,) = send_links(by=SHELL, now=clock.now, contact_ids=[ann.pk], channels=[Channel.EMAIL])
        outcomes.append(result.outcome)
        clock.passes(timedelta(seconds=30))

    limited, sent = LinkSendOutcome.LIMITED, LinkSendOutcome.SENT
    assert outcomes == [sent, limited, sent, limited, sent, limited, sent]


def test_without_a_public_address_nothing_is_sent(ann: Contact, clock: Clock, settings: Any) -> None:
    settings.PUBLIC_URL = ""

    (result,) = send_links(by=SHELL, now=clock.now, contact_ids=[ann.pk], channels=[Channel.EMAIL])

    assert result.outcome is LinkSendOutcome.REFUSED
    assert "TOCSIN_PUBLIC_URL" in result.detail
    assert not PersonalLink.objects.exists()


# Asking for one


@pytest.mark.parametrize("typed", ["ANN@example.org", "138-1234-5678"])
def test_a_contact_asks_for_its_own_link(browser: Client, ann: Contact, typed: str, clock: Clock) -> None:
    page = press(browser, browser.get("/c/"), "/c/", "", address=typed)
    run_due(clock.now)

    assert heading(page) == "Look into your messages"
    assert heading(browser.get(newest_path(ann))) == "Your page"
    assert Attempt.objects.count() == 1


@pytest.mark.parametrize(
    "typed",
    [
        "nobody@example.org",
        "139 0000 0000",
        "x",
        "",
        "\x00@x",
        "138 7777 7777",
    ],
)
def test_the_answer_is_the_same_whoevers_the_address_is(
    browser: Client, ann: Contact, story: Story, typed: str
) -> None:
    story.contact("Not verified", phone="138 7777 7777", verified=False)
    form = browser.get("/c/")

    known, unknown = (press(browser, form, "/c/", "", address=address) for address in ("ann@example.org", typed))

    nonce = re.compile(r'nonce="[^"]+"|value="\w{64}"')
    assert nonce.sub("", known.content.decode()) == nonce.sub("", unknown.content.decode())
    assert (known.status_code, unknown.status_code) == (200, 200)
    assert PersonalLink.objects.count() == 1


def test_one_network_asks_a_few_times_only(browser: Client, clock: Clock) -> None:
    form = browser.get("/c/")

    replies = [press(browser, form, "/c/", "", address="nobody@example.org") for _ in range(31)]

    assert [reply.status_code for reply in replies] == [200] * 30 + [429]
    assert replies[30]["Retry-After"] == "600"


def test_without_the_forms_token_nothing_happens(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)

    refused = [browser.post(each, {"do": "continue", "address": "ann@example.org"}) for each in (path, "/c/", "/c/my/")]

    assert [page.status_code for page in refused] == [403, 403, 403]
    assert PersonalLink.objects.get().opened_at is None


# The session


def test_the_page_closes_after_half_an_hour(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))
    clock.passes(timedelta(minutes=30))

    saved = press(browser, page, "/c/my/", "save", **details(ann, user_id="ann"))

    assert "Your page was closed" in saved.content.decode()
    ann.refresh_from_db()
    assert ann.user_id == ""


def test_closing_it_ends_the_session_everywhere(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))
    secret = browser.cookies["tocsin_contact"].value

    closed = press(browser, page, "/c/my/", "close")

    assert heading(closed) == "Your page is closed"
    thief = Client(headers={"cookie": f"tocsin_contact={secret}"})
    assert "Your page was closed" in thief.get("/c/my/").content.decode()


@pytest.mark.parametrize("cookie", ["", "x", "ä", "A" * 43])
def test_a_made_up_cookie_opens_nothing(ann: Contact, clock: Clock, cookie: str) -> None:
    link_for(ann, clock)

    page = Client(headers={"cookie": f"tocsin_contact={cookie}"}).get("/c/my/")

    assert "Ann" not in page.content.decode()
    assert heading(page) == "Your page"


# What the page does


def test_a_changed_number_is_unverified_and_its_verification_is_sent_at_once(
    browser: Client, ann: Contact, clock: Clock
) -> None:
    page = come_in(browser, link_for(ann, clock))
    run_due(clock.now)

    saved = press(browser, page, "/c/my/", "save", **details(ann, phone="139 0000 0000"))

    ann.refresh_from_db()
    assert saved.status_code == 302
    assert (ann.phone, ann.phone_verified_at) == ("+8613900000000", None)
    verification = Delivery.objects.get(purpose=Purpose.VERIFICATION)
    assert verification.address_masked == "+86 139 **** 0000"
    assert told(browser.get("/c/my/")) == [
        "Your changes are saved.",
        "A message with a link is on its way to +86 139 **** 0000; open it to verify the number.",
        "We have told a***@example.org of this change.",
    ]


def test_the_page_warns_before_policies_lose_phone_and_text(
    browser: Client, ann: Contact, story: Story, clock: Clock
) -> None:
    story.policy({ann: ["phone", "email"]}, name="Disks <i>")
    story.policy({ann: ["email"]}, name="Mails")
    page = come_in(browser, link_for(ann, clock))

    warned = press(browser, page, "/c/my/", "save", **details(ann, phone="139 0000 0000"))

    text = warned.content.decode()
    ann.refresh_from_db()
    assert ann.phone == "+8613812345678"
    assert "Disks &lt;i&gt;" in text
    assert "Mails" not in text
    saved = press(browser, warned, "/c/my/", "save", **details(ann, phone="139 0000 0000"), is_warned="139 0000 0000")
    ann.refresh_from_db()
    assert saved.status_code == 302
    assert ann.phone == "+8613900000000"


def test_the_old_address_is_told_when_the_email_changes_and_the_session_goes_on(
    browser: Client, ann: Contact, clock: Clock
) -> None:
    path = link_for(ann, clock)
    page = come_in(browser, path)
    run_due(clock.now)

    press(browser, page, "/c/my/", "save", **details(ann, email="new@example.org"))
    run_due(clock.now)

    (notice,) = [item for item in outbox_messages() if item.delivery.purpose == Purpose.NOTICE]
    assert notice.delivery.state == DeliveryState.ACCEPTED
    assert notice.delivery.address_masked == "a***@example.org"
    assert notice.delivery.enclosure.address == "ann@example.org"
    assert "a***@example.org is no longer used; now: n***@example.org" in notice.text
    assert "new@example.org" not in notice.text
    assert "new@example.org" in browser.get("/c/my/").content.decode()


def test_a_refusal_of_what_somebody_else_has_names_nobody(
    browser: Client, ann: Contact, story: Story, clock: Clock
) -> None:
    story.contact("Wei Secret", phone="139 0000 0000", email="wei@example.org")
    page = come_in(browser, link_for(ann, clock))

    refused = press(browser, page, "/c/my/", "save", **details(ann, phone="+86 139-0000-0000", email="WEI@example.org"))

    text = refused.content.decode()
    assert text.count("This belongs to somebody else already.") == 2
    assert "Wei Secret" not in text
    ann.refresh_from_db()
    assert ann.email == "ann@example.org"
    assert not Delivery.objects.filter(purpose=Purpose.NOTICE).exists()


def test_numbers_cannot_be_tried_out(browser: Client, ann: Contact, clock: Clock, story: Story) -> None:
    page = come_in(browser, link_for(ann, clock))

    replies = [
        press(browser, page, "/c/my/", "save", **details(ann, user_id=f"ann{number}")).status_code
        for number in range(21)
    ]

    assert replies == [302] * 20 + [200]


def test_fields_are_refused_where_they_stand(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))

    refused = press(
        browser, page, "/c/my/", "save", **details(ann, phone="", email="", lark_user_id="", fallback="sms")
    )
    number = press(browser, page, "/c/my/", "save", **details(ann, phone="138", lark_user_id="x"))

    assert "Give a phone number or an email address, or both." in refused.content.decode()
    assert 'id="id_phone_error"' in number.content.decode()
    assert 'id="id_lark_user_id_error"' in number.content.decode()


def test_name_and_groups_cannot_be_changed(browser: Client, ann: Contact, story: Story, clock: Clock) -> None:
    group = story.group(name="Night shift")
    page = come_in(browser, link_for(ann, clock))

    press(browser, page, "/c/my/", "save", **details(ann), name="Root", group_ids=str(group.pk), external_id="1")

    ann.refresh_from_db()
    assert (ann.name, ann.external_id, ann.groups.count()) == ("Ann <b>", None, 0)


def test_everything_else_is_changed(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))
    changed = {
        "fallback": "call", "user_id": "u1", "dingtalk_user_id": "d1", "lark_user_id": "ou_1", "wecom_user_id": "w1",
        "language": "zh-hans", "time_zone": "Asia/Shanghai",
    }  # fmt: skip

    press(browser, page, "/c/my/", "save", **details(ann, **changed))

    ann.refresh_from_db()
    assert {field: getattr(ann, field) for field in changed} == changed
    assert ann.phone_verified_at is not None
    assert "怎样通知到您" in heading(browser.get("/c/my/"))


def test_two_changes_at_once_do_not_undo_each_other(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))
    before = details(ann, user_id="ann")
    update_contact(by=SHELL, now=clock.now, contact_id=ann.pk, version=None, fallback="none")

    refused = press(browser, page, "/c/my/", "save", **before)

    assert "Somebody changed this since you opened it." in refused.content.decode()


def test_an_unverified_number_is_verified_from_the_page(browser: Client, story: Story, clock: Clock) -> None:
    bob = story.contact("Bob", phone="139 0000 0000", email="bob@example.org", verified=False)
    page = come_in(browser, link_for(bob, clock))

    press(browser, page, "/c/my/", "verify")
    again = press(browser, page, "/c/my/", "verify")

    assert again.status_code == 302
    assert Delivery.objects.filter(purpose=Purpose.VERIFICATION).count() == 1
    first, second = told(browser.get("/c/my/"))
    assert first.startswith("A message with a link is on its way to +86 139 **** 0000")
    assert second.startswith("No message was sent: this number got too many of them.")


def test_whoever_gets_no_texts_asks_to_be_called(browser: Client, story: Story, clock: Clock) -> None:
    bob = story.contact("Bob", phone="+86 10 6222 1234", email="bob@example.org", verified=False)
    page = come_in(browser, link_for(bob, clock))

    press(browser, page, "/c/my/", "call")

    assert Delivery.objects.get(purpose=Purpose.VERIFICATION).channel == "phone"
    [first] = told(browser.get("/c/my/"))
    assert first.startswith("We are calling +86 106 *** 1234. Enter the code that you hear at https://")


def test_a_test_is_sent_and_followed_on_the_page(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))

    reply = press(browser, page, "/c/my/", "test", channel="email")
    before = browser.get(reply["Location"])
    run_due(clock.now)
    after = browser.get(reply["Location"])

    test = Delivery.objects.get(purpose=Purpose.TEST)
    assert test.recipient_id == ann.pk
    assert before["Refresh"] == "3"
    assert "waits to be sent" in before.content.decode()
    assert "Refresh" not in after
    assert "arrived" in after.content.decode()
    assert "asked for by Ann" in (test.content.text if test.content else "")


def test_tests_are_limited_by_channel_and_need_a_channel_that_is_ready(
    browser: Client, ann: Contact, story: Story, clock: Clock
) -> None:
    page = come_in(browser, link_for(ann, clock))

    for channel in ("email",) * 4 + ("sms", "lark", "nonsense"):
        press(browser, page, "/c/my/", "test", channel=channel)

    tests = Delivery.objects.filter(purpose=Purpose.TEST).order_by("pk").values_list("channel", flat=True)
    assert list(tests) == ["email", "email", "email", "sms"]
    assert told(browser.get("/c/my/")) == [
        "These were several tests in a short time. Try again in 10 min.",
        "Nothing can be sent to you this way yet.",
    ]


def test_own_deliveries_of_thirty_days_and_nobody_elses(
    browser: Client, ann: Contact, story: Story, clock: Clock
) -> None:
    wei = story.contact("Wei Secret")
    story.policy({ann: ["email"], wei: ["email"]})
    story.fires("Disk full")
    story.passes(5)
    old = Delivery.objects.filter(recipient_id=ann.pk).latest("pk")
    others = Delivery.objects.filter(recipient_id=wei.pk).latest("pk")
    page = come_in(browser, link_for(ann, clock))

    text = page.content.decode()
    Delivery.objects.filter(pk=old.pk).update(planned_at=clock.now - timedelta(days=30))

    assert "Disk full" in text
    assert "Wei" not in text
    assert "Disk full" not in browser.get("/c/my/").content.decode()
    assert browser.get(f"/c/my/messages/{others.pk}/")["Location"] == "/c/my/"
    assert browser.get(f"/c/my/messages/{old.pk}/").status_code == 200


def test_every_action_is_audited_with_the_contact_as_its_actor(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))
    before = LogEntry.objects.count()

    press(browser, page, "/c/my/", "save", **details(ann, phone="139 0000 0000", user_id="ann"))
    press(browser, page, "/c/my/", "test", channel="email")

    entries = LogEntry.objects.order_by("pk")[before - 1 :]
    assert {(entry.additional_data["by"], entry.additional_data["kind"]) for entry in entries} == {
        ("Ann <b>", "contact")
    }
    assert {entry.remote_addr for entry in entries} == {"203.0.113.9"}
    assert [entry.additional_data.get("note", "") for entry in entries] == [
        "own page, by a link to a***@example.org", "", "", "test message",
    ]  # fmt: skip


def test_the_page_speaks_the_contacts_language_in_its_time_zone(browser: Client, story: Story, clock: Clock) -> None:
    wang = story.contact("王芳", email="wang@example.org", language="zh-hans", time_zone="Asia/Shanghai")
    path = link_for(wang, clock)

    opened = browser.get(path)
    page = come_in(browser, path)

    assert 'lang="zh-hans"' in opened.content.decode()
    assert heading(page) == "怎样通知到您"
    assert "2026-11-23 20:00" in page.content.decode()


# Signed in


@pytest.mark.parametrize("role", Role)
def test_whoever_is_a_contact_finds_it_under_my_contact_whatever_the_role(
    role: Role, ann: Contact, clock: Clock
) -> None:
    browser = signed_in(role)
    link_sign_in(by=SHELL, now=clock.now, contact_id=ann.pk, user_id=user_with(role).pk)

    page = browser.get("/console/my-contact/")
    saved = browser.post("/console/my-contact/", {"do": "save", **details(ann, user_id="ann")})
    test = browser.post("/console/my-contact/", {"do": "test", "channel": "sms"})

    ann.refresh_from_db()
    assert "+86 138 1234 5678" in page.content.decode()
    assert "/console/my-contact/" in browser.get("/console/").content.decode()
    assert (saved.status_code, ann.user_id) == (302, "ann")
    assert browser.get(test["Location"]).status_code == 200
    kinds = set(
        LogEntry.objects.filter(object_pk=str(ann.pk), action=3).values_list("additional_data__kind", flat=True)
    )
    assert kinds == {"user"}


@pytest.mark.parametrize("role", Role)
def test_others_find_nothing_there(role: Role, ann: Contact, clock: Clock) -> None:
    other = user_with(Role.ADMIN if role is not Role.ADMIN else Role.VIEWER)
    link_sign_in(by=SHELL, now=clock.now, contact_id=ann.pk, user_id=other.pk)
    browser = signed_in(role)

    assert browser.get("/console/my-contact/").status_code == 404
    assert browser.post("/console/my-contact/", {"do": "test", "channel": "sms"}).status_code == 404
    assert "my-contact" not in browser.get("/console/").content.decode()
    assert Client().get("/console/my-contact/").status_code == 302


def test_nobody_follows_the_messages_of_others(ann: Contact, story: Story, clock: Clock) -> None:
    link_sign_in(by=SHELL, now=clock.now, contact_id=ann.pk, user_id=user_with(Role.VIEWER).pk)
    bob = story.contact("Bob")
    link_for(bob, clock)

    page = signed_in(Role.VIEWER).get(reverse("console:my-message", args=[Delivery.objects.get().pk]))

    assert page.status_code == 404


def test_a_user_is_one_contact_at_most(ann: Contact, story: Story, clock: Clock) -> None:
    bob, user = story.contact("Bob"), user_with(Role.VIEWER)
    link_sign_in(by=SHELL, now=clock.now, contact_id=ann.pk, user_id=user.pk)

    with pytest.raises(InvalidInputError, match=r"viewer is Ann <b> already"):
        link_sign_in(by=SHELL, now=clock.now, contact_id=bob.pk, user_id=user.pk)

    link_sign_in(by=SHELL, now=clock.now, contact_id=ann.pk, user_id=None)
    link_sign_in(by=SHELL, now=clock.now, contact_id=bob.pk, user_id=user.pk)
    bob.refresh_from_db()
    assert bob.sign_in == user
    changes = [entry.changes["sign_in"] for entry in LogEntry.objects.filter(changes__has_key="sign_in").order_by("pk")]
    assert changes == [["", "viewer"], ["viewer", ""], ["", "viewer"]]


def test_administrators_say_which_user_a_contact_is(ann: Contact, clock: Clock) -> None:
    user = user_with(Role.VIEWER)
    path = f"/console/contacts/contact/{ann.pk}/sign-in/"
    browser = signed_in(Role.ADMIN)

    reply = browser.post(path, {"user": user.pk})

    ann.refresh_from_db()
    assert reply.status_code == 302
    assert ann.sign_in == user
    assert "Ann &lt;b&gt;" in browser.get(reverse("console:accounts_user_change", args=[user.pk])).content.decode()
    assert "viewer" in browser.get(reverse("console:contacts_contact_overview", args=[ann.pk])).content.decode()
    assert [signed_in(role).post(path, {"user": ""}).status_code for role in (Role.VIEWER, Role.MANAGER)] == [403, 403]


# Sending from the console


def test_managers_send_a_link_from_the_contacts_page(ann: Contact, clock: Clock) -> None:
    browser, path = signed_in(Role.MANAGER), f"/console/contacts/contact/{ann.pk}/link/"

    asked = browser.get(path).content.decode()
    nothing_yet = PersonalLink.objects.count()
    browser.post(path, {"confirmed": "1", "way": "sms"})

    assert "One link will go out" in asked
    assert nothing_yet == 0
    assert PersonalLink.objects.get().channel == "sms"


def test_managers_send_links_in_batch(ann: Contact, story: Story, clock: Clock) -> None:
    story.contact("Bob", email=None)
    story.contact("Eve", email=None, verified=False)
    browser, path = signed_in(Role.MANAGER), "/console/contacts/contact/"
    chosen = {"action": "send_links", "_selected_action": [str(ann.pk)], "select_across": "1"}

    asked = browser.post(path, chosen).content.decode()
    sent = browser.post(path, {**chosen, "confirmed": "1", "way": "any"}).content.decode()

    assert "2 links will go out" in asked
    assert "2 links were queued" in sent
    again = browser.post(path, {**chosen, "confirmed": "1", "way": "any"}, headers={"X-Tocsin-Dialog": "1"}).text
    assert (again.count("data-dialog-close"), "data-dialog-changed" in again, "Back" in again) == (2, True, False)
    assert "has no address that a link could go to" in sent
    assert sorted(PersonalLink.objects.values_list("channel", flat=True)) == ["email", "sms"]


def test_managers_see_the_links_of_a_contact_and_revoke_them(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    come_in(browser, path)
    clock.passes(timedelta(minutes=2))
    newer = link_for(ann, clock)
    manager, page = signed_in(Role.MANAGER), f"/console/contacts/contact/{ann.pk}/overview/"
    revoke = f"/console/contacts/contact/{ann.pk}/revoke-links/"

    before = manager.get(page).content.decode()
    asked = manager.get(revoke).content.decode()
    still_open = browser.get("/c/my/").content.decode()
    manager.post(revoke)
    after = manager.get(page).content.decode()

    assert "Not opened yet" in before
    assert "Page is open" in before
    assert "opened from 203.0.113.9" in before
    assert (path in before, newer in before, "a***@example.org" in before) == (False, False, True)
    assert "What was sent opens nothing any more" in asked
    assert "Your page was closed" not in still_open
    assert "Your page was closed" in browser.get("/c/my/").content.decode()
    assert "Continue" not in Client().get(newer).content.decode()
    assert (after.count("Expired or revoked"), after.count("Page is open"), revoke in before, revoke in after) == (
        1,
        0,
        True,
        False,
    )
    changes = [entry.changes_dict for entry in LogEntry.objects.get_for_object(ann)]
    assert {"personal_link": ["***", ""]} in changes


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
def test_viewers_and_responders_send_and_see_none(role: Role, ann: Contact, clock: Clock) -> None:
    browser = signed_in(role)
    path = "/console/contacts/contact/"

    link_for(ann, clock)
    sent = PersonalLink.objects.count()

    single = browser.post(f"{path}{ann.pk}/link/", {"confirmed": "1"})
    revoked = browser.post(f"{path}{ann.pk}/revoke-links/")
    page = browser.get(f"{path}{ann.pk}/overview/").content.decode()
    browser.post(path, {"action": "send_links", "_selected_action": [str(ann.pk)], "confirmed": "1"})

    assert (single.status_code, revoked.status_code, "Not opened yet" in page) == (403, 403, False)
    assert PersonalLink.objects.filter(expires_at__gt=clock.now).count() == sent == 1


def test_who_may_not_manage_does_not_read_links_in_the_outbox(ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    run_due(clock.now)

    assert path in signed_in(Role.MANAGER).get("/console/outbox/").content.decode()
    assert path not in signed_in(Role.RESPONDER).get("/console/outbox/").content.decode()
