"""Provider accounts in the console: trying one out, and forgetting a secret that it can do without."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse

from simulators.smtp import SmtpSimulator
from tests.stories.harness import Story, begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import config_of
from tocsin.web.console.account_test import explained

pytestmark = pytest.mark.django_db
TO = "ops@example.org"


@pytest.fixture
def story(now: datetime) -> Iterator[Story]:
    """The doors' clock stands at the beginning of the story."""
    with time_machine.travel(now, tick=False):
        yield begin(now)


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
