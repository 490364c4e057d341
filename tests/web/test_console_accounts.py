"""Provider accounts in the console: trying one out, and forgetting a secret that it can do without."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse

from simulators.smtp import SmtpSimulator
from tests.stories.harness import ADMIN, Story
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import config_of
from tocsin.delivery.caps import Caps, caps_in_force, set_caps
from tocsin.web.console.account_test import explained

pytestmark = pytest.mark.django_db
TO = "ops@example.org"


@pytest.fixture
def mail() -> Iterator[SmtpSimulator]:
    with SmtpSimulator() as running:
        yield running


def smtp_account(story: Story, mail: SmtpSimulator, **config: str) -> ProviderAccount:
    where = {"host": mail.host, "port": str(mail.port), "from": "a@example.org"}
    return story.account("smtp", **where, **config)


def try_out(account: ProviderAccount, to: str, client: Client | None = None) -> Any:
    url = reverse("console:channels_provideraccount_send_test", args=[account.pk])
    return (client or signed_in(Role.ADMIN)).post(url, {"to": to})


def facts(reply: Any) -> dict[str, str]:
    return dict(reply.context["answer"].facts)


def test_an_accepted_message_shows_the_providers_answer(story: Story, mail: SmtpSimulator) -> None:
    account = smtp_account(story, mail)

    reply = try_out(account, TO)

    assert "The provider accepted the message" in reply.content.decode()
    assert facts(reply)["outcome"] == "accepted by the provider"
    assert [received.recipient for received in mail.messages] == [TO]


def test_a_refusal_shows_code_and_answer_and_what_to_do(story: Story, mail: SmtpSimulator) -> None:
    account = smtp_account(story, mail)
    mail.answer(TO, "550 5.1.1 No such user here")

    reply = try_out(account, TO)

    page = reply.content.decode()
    assert "The provider cannot reach this number or address" in page
    assert "Another account would not help" in page
    assert (facts(reply)["outcome"], facts(reply)["code"]) == (
        "refused: this address cannot be reached",
        "550 5.1.1",
    )
    assert "No such user here" in facts(reply)["answer"]


def test_a_provider_that_does_not_answer_is_told_from_one_that_refuses(story: Story, mail: SmtpSimulator) -> None:
    account = smtp_account(story, mail, timeout="1")
    mail.answer(TO, "drop after data")

    reply = try_out(account, TO)

    assert facts(reply)["outcome"] == "ambiguous: no reply came"
    assert "The message may or may not have been sent" in reply.content.decode()


IN_WORDS = {
    Outcome.ACCEPTED: "accepted by the provider",
    Outcome.RATE_LIMITED: "refused: too many messages",
    Outcome.TRANSIENT: "failed, and may work later",
    Outcome.PERMANENT_TARGET: "refused: this address cannot be reached",
    Outcome.PERMANENT_CONFIG: "refused: the account or robot is set up wrongly",
    Outcome.AMBIGUOUS: "ambiguous: no reply came",
}


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_explained(story: Story, outcome: Outcome) -> None:
    account = ProviderAccount.objects.get(provider="outbox_sms")
    result = SendResult(outcome, "42", "Said so", "id-7", timedelta(seconds=90))

    answer = explained(account, result)

    assert answer.level in ("good", "warning", "bad")
    assert answer.verdict
    assert answer.meaning
    assert answer.facts == [
        ("outcome", IN_WORDS[outcome]),
        ("code", "42"),
        ("answer", "Said so"),
        ("provider's id", "id-7"),
        ("try again after", "1 min 30 s"),
    ]


def test_a_simulation_says_that_nothing_left(story: Story) -> None:
    account = ProviderAccount.objects.get(provider="outbox_sms")

    assert "A simulation: nothing left this machine." in try_out(account, "138 0000 1234").content.decode()


@pytest.mark.parametrize(
    ("provider", "typed"), [("outbox_sms", "12"), ("outbox_phone", TO), ("outbox_email", "a b"), ("outbox_sms", "")]
)
def test_what_is_no_address_of_the_channel_is_refused_at_its_field(story: Story, provider: str, typed: str) -> None:
    reply = try_out(ProviderAccount.objects.get(provider=provider), typed)

    assert list(reply.context["form"].errors) == ["to"]
    assert reply.context["answer"] is None


def test_only_administrators_try_accounts_out(story: Story, mail: SmtpSimulator) -> None:
    account = smtp_account(story, mail)
    from_elsewhere = Client(enforce_csrf_checks=True)
    from_elsewhere.cookies = signed_in(Role.ADMIN).cookies

    assert try_out(account, TO, signed_in(Role.MANAGER)).status_code == 403
    assert try_out(account, TO, from_elsewhere).status_code == 403
    assert not mail.messages


def test_a_secret_that_is_not_needed_is_forgotten(story: Story) -> None:
    account = story.account(
        "smtp", host="mail.example.org", **{"from": "a@example.org", "username": "u", "password": "geheim"}
    )
    client = signed_in(Role.ADMIN)
    url = reverse("console:channels_provideraccount_change", args=[account.pk])
    form = client.get(url).context["adminform"].form
    assert "clear.password" in form.fields
    typed = {
        "name": account.name, "priority": "10", "is_enabled": "on", "config.host": "mail.example.org",
        "config.from": "a@example.org", "config.username": "", "config.password": "", "version": "1",
    }  # fmt: skip

    reply = client.post(url, {**typed, "clear.password": "on"})

    assert reply.status_code == 302
    account.refresh_from_db()
    assert "password" not in config_of(account)
    changes = LogEntry.objects.get_for_object(account).latest("pk").changes_dict
    assert changes["config.password"] == ["***", ""]
    assert "clear.password" not in client.get(url).context["adminform"].form.fields


def test_a_new_account_has_no_secret_to_forget(story: Story) -> None:
    url = reverse("console:channels_provideraccount_add") + "?provider=smtp"

    fields = signed_in(Role.ADMIN).get(url).context["adminform"].form.fields

    assert "config.password" in fields
    assert "&lt;alerts@example.org&gt;" in fields["config.from"].help_text
    assert not [name for name in fields if name.startswith("clear.")]


def test_the_list_says_which_account_carries_a_channel_and_which_stand_by(story: Story) -> None:
    first = story.account("smtp", 10, **{"host": "a.example.org", "from": "a@example.org"})
    second = story.account("smtp", 20, **{"host": "b.example.org", "from": "b@example.org"})

    page = signed_in(Role.ADMIN).get(reverse("console:channels_provideraccount_changelist")).text

    assert page.count("carries the channel now") == 3  # the first, and the outbox for calls and texts
    assert "stands by, number 2" in page
    assert page.count("unused: a real account carries the channel") == 1
    assert {first.channel, second.channel} == {"email"}


def test_deleting_an_account_says_who_carries_on_or_that_nobody_is_reached(story: Story) -> None:
    client = signed_in(Role.ADMIN)
    first = story.account("smtp", 10, **{"host": "a.example.org", "from": "a@example.org"})
    deletion = reverse("console:channels_provideraccount_delete", args=[first.pk])

    alone = client.get(deletion).text
    second = story.account("smtp", 20, **{"host": "b.example.org", "from": "b@example.org"})
    with_another = client.get(deletion).text
    change = client.get(reverse("console:channels_provideraccount_change", args=[first.pk])).text

    assert "Email: falls back to the outbox" in alone
    assert f"Email: {second.name} carries on." in with_another
    assert f"Email: {second.name} carries on." in change


def test_an_account_that_rests_says_until_when_and_why(story: Story, mail: SmtpSimulator) -> None:
    first, second = (smtp_account(story, mail) for _ in range(2))
    ProviderAccount.objects.filter(pk=first.pk).update(
        failures=3, pauses=1, opened_at=story.now, paused_until=story.now + timedelta(minutes=1),
        last_failed_at=story.now, last_failure="503: try later",
    )  # fmt: skip
    client = signed_in(Role.ADMIN)

    page = client.get(reverse("console:channels_provideraccount_change", args=[first.pk])).content.decode()
    listed = client.get(reverse("console:channels_provideraccount_changelist")).content.decode()

    assert "after 3 failures" in page
    assert "503: try later" in page
    assert "after 3 failures" in listed
    assert listed.count("carries the channel now") == 3  # the second, and the outbox for calls and texts
    assert second.name in listed


def test_an_admin_chooses_the_caps_per_person_and_two_at_once_do_not_undo_each_other(
    story: Story, settings: Any
) -> None:
    settings.CALLS_PER_HOUR, settings.TEXTS_PER_HOUR = 30, 60
    client, url = signed_in(Role.ADMIN), reverse("console:channels_provideraccount_caps_per_person")
    shown = client.get(url).content.decode()
    typed = {"calls_per_hour": "5", "texts_per_hour": "", "version": "0"}

    saved = client.post(url, typed)
    late = client.post(url, {**typed, "calls_per_hour": "7"})
    wrong = client.post(url, {"calls_per_hour": "10001", "version": "1"})

    assert "0: no cap. Empty: 30, as the environment says." in shown
    assert saved.status_code == 302
    assert caps_in_force() == Caps(calls=5, texts=60)
    assert late.context["form"].non_field_errors() == [
        "Somebody changed this since you opened it. Load it again and repeat your change."
    ]
    assert "calls_per_hour" in wrong.context["form"].errors
    entry = LogEntry.objects.get(object_repr="5/None")
    assert entry.changes == {"calls_per_hour": ["None", "5"]}
    assert signed_in(Role.MANAGER).get(url).status_code == 403


def test_the_caps_that_were_chosen_hold_back_and_the_environments_do_not(story: Story, settings: Any) -> None:
    settings.TEXTS_PER_HOUR = 1
    set_caps(by=ADMIN, now=story.now, calls_per_hour=None, texts_per_hour=2)
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, group_by=["host"], repeat_every=None)
    for host in "abc":
        story.fires("Disk full", host=host, severity="warning")
        story.passes(60)

    story.expect_text(ann, "host=a")
    story.expect_text(ann, "Further text messages to you are held back until")
    story.expect_silence()
    assert story.delivery(ann, "sms").reason == "person_cap"
