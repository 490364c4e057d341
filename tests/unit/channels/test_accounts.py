"""Provider accounts: who may carry a channel, write-only secrets, audit entries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tocsin.channels.base import Limit, LimitScope
from tocsin.channels.health import Health, record_health
from tocsin.channels.kinds import Channel
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import (
    account_of_callback,
    accounts_by_channel,
    accounts_for,
    capabilities_of,
    config_of,
    count_sealed_by_other_keys,
    masked_config,
)
from tocsin.channels.rules import Fault
from tocsin.channels.services import (
    add_account,
    delete_account,
    disable_account,
    enable_account,
    ensure_outbox_accounts,
    try_account,
    update_account,
)
from tocsin.core.actors import SHELL
from tocsin.core.errors import ConflictError, InvalidInputError, NotFoundError

pytestmark = pytest.mark.django_db

SMTP = {"host": "mail.example.org", "from": "alerts@example.org", "username": "tocsin", "password": "hunter22"}


def add_smtp(now: datetime, name: str = "mail", **more: int) -> ProviderAccount:
    return add_account(by=SHELL, now=now, name=name, provider="smtp", config=SMTP, **more)


def test_a_new_installation_has_an_outbox_for_each_personal_channel(now: datetime) -> None:
    created = ensure_outbox_accounts(now=now)

    assert sorted(account.provider for account in created) == ["outbox_email", "outbox_phone", "outbox_sms"]
    assert ensure_outbox_accounts(now=now) == []
    assert ProviderAccount.objects.count() == 3
    assert LogEntry.objects.count() == 3


def test_the_outbox_steps_back_when_a_real_account_is_there(now: datetime) -> None:
    ensure_outbox_accounts(now=now)
    mail = add_smtp(now)

    carried = accounts_by_channel()

    assert carried[Channel.EMAIL] == [mail]
    assert [account.provider for account in carried[Channel.SMS]] == ["outbox_sms"]

    disable_account(by=SHELL, now=now, account_id=mail.pk)
    assert [account.provider for account in accounts_for(Channel.EMAIL)] == ["outbox_email"]

    enable_account(by=SHELL, now=now, account_id=mail.pk)
    assert accounts_for(Channel.EMAIL) == [mail]


def test_accounts_are_tried_by_priority(now: datetime) -> None:
    second = add_smtp(now, "second", priority=20)
    first = add_smtp(now, "first", priority=10)

    assert accounts_for(Channel.EMAIL) == [first, second]
    assert accounts_for(Channel.SMS) == []


def test_all_channels_are_read_in_one_statement(now: datetime) -> None:
    ensure_outbox_accounts(now=now)
    add_smtp(now)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        accounts_by_channel()

    assert len(queries) == 1


def test_an_account_of_an_unknown_provider_is_left_out(now: datetime) -> None:
    account = add_smtp(now)
    ProviderAccount.objects.filter(pk=account.pk).update(provider="fax")

    assert accounts_for(Channel.EMAIL) == []


def test_what_is_wrong_is_named_by_field(now: datetime) -> None:
    with pytest.raises(InvalidInputError) as caught:
        add_account(
            by=SHELL,
            now=now,
            name="",
            provider="smtp",
            config={"port": "many", "colour": "red"},
            priority=-1,
            limit_count=5,
        )

    assert set(caught.value.fields) == {
        "name",
        "priority",
        "limit_count",
        "config.host",
        "config.from",
        "config.colour",
    }
    assert not ProviderAccount.objects.exists()


def test_an_unknown_provider_is_refused_with_the_ones_that_exist(now: datetime) -> None:
    with pytest.raises(InvalidInputError, match="outbox_sms"):
        add_account(by=SHELL, now=now, name="x", provider="pigeon", config={})


def test_a_robot_platform_is_not_an_account(now: datetime) -> None:
    with pytest.raises(InvalidInputError, match="set up as a notification object"):
        add_account(by=SHELL, now=now, name="x", provider="dingtalk", config={"url": "https://oapi.dingtalk.com/x"})


def test_two_accounts_cannot_have_one_name(now: datetime) -> None:
    add_smtp(now)

    with pytest.raises(InvalidInputError) as caught:
        add_smtp(now)

    assert list(caught.value.fields) == ["name"]


def test_a_secret_is_written_and_never_shown(now: datetime) -> None:
    account = add_smtp(now)

    assert config_of(account)["password"] == "hunter22"
    assert masked_config(account)["password"] == "***"
    with connection.cursor() as cursor:
        cursor.execute("SELECT config FROM channels_provideraccount")
        assert "hunter22" not in cursor.fetchone()[0]
    assert "hunter22" not in repr(account) + str(LogEntry.objects.get().changes)


@pytest.mark.parametrize("given", [{}, {"password": ""}, {"password": "***"}])
def test_a_secret_that_is_not_entered_again_stays(now: datetime, given: dict[str, str]) -> None:
    account = add_smtp(now)

    changed = update_account(
        by=SHELL, now=now, account_id=account.pk, version=1, config={"host": " mail2.example.org ", **given}
    )

    assert config_of(changed) == {**SMTP, "host": "mail2.example.org"}
    assert changed.version == 2
    assert LogEntry.objects.filter(action=1).get().changes == {"config.host": ["mail.example.org", "mail2.example.org"]}


def test_a_secret_can_be_changed_and_forgotten(now: datetime) -> None:
    account = add_smtp(now)

    update_account(by=SHELL, now=now, account_id=account.pk, config={"password": "hunter23"})
    assert config_of(ProviderAccount.objects.get())["password"] == "hunter23"

    update_account(by=SHELL, now=now, account_id=account.pk, config={"username": ""}, clear_secrets=["password"])
    assert config_of(ProviderAccount.objects.get()) == {"host": "mail.example.org", "from": "alerts@example.org"}
    assert [entry.changes.get("config.password") for entry in LogEntry.objects.filter(action=1).order_by("id")] == [
        ["***", "***"],
        ["***", ""],
    ]


def test_an_update_that_changes_nothing_leaves_no_trace(now: datetime) -> None:
    account = add_smtp(now)

    update_account(by=SHELL, now=now, account_id=account.pk, name="mail", priority=100, config={"host": SMTP["host"]})

    assert ProviderAccount.objects.get().version == 1
    assert LogEntry.objects.count() == 1


def test_a_stale_version_is_refused(now: datetime) -> None:
    account = add_smtp(now)
    update_account(by=SHELL, now=now, account_id=account.pk, version=1, priority=5)

    with pytest.raises(ConflictError):
        update_account(by=SHELL, now=now, account_id=account.pk, version=1, priority=6)
    with pytest.raises(NotFoundError):
        update_account(by=SHELL, now=now, account_id=account.pk + 1, priority=6)

    assert ProviderAccount.objects.get().priority == 5


def test_an_own_limit_replaces_the_providers(now: datetime) -> None:
    account = add_smtp(now, limit_count=30, limit_seconds=60)

    limit = capabilities_of(account).limit
    assert limit is not None
    assert (limit.count, limit.per) == (30, timedelta(minutes=1))

    changed = update_account(by=SHELL, now=now, account_id=account.pk, limit_count=0, limit_seconds=0)
    assert capabilities_of(changed).limit is None


def test_a_deleted_account_is_audited(now: datetime) -> None:
    account = add_smtp(now)

    delete_account(by=SHELL, now=now, account_id=account.pk, version=1)

    assert not ProviderAccount.objects.exists()
    assert LogEntry.objects.filter(action=2).get().changes["name"] == ["mail", ""]


def test_callback_tokens_are_long_and_find_their_account_only(now: datetime) -> None:
    first, second = add_smtp(now, "first"), add_smtp(now, "second")

    assert len(first.callback_token) == 22
    assert account_of_callback("smtp", second.callback_token) == second
    assert account_of_callback("outbox_sms", second.callback_token) is None
    assert account_of_callback("smtp", "") is None


def test_a_test_message_through_the_outbox_is_accepted(now: datetime) -> None:
    account = next(entry for entry in ensure_outbox_accounts(now=now) if entry.channel == Channel.SMS)

    result = try_account(account=account, to="+8613800000000")

    assert result.outcome == "accepted"
    assert len(result.provider_id) == 13


def test_health_moves_forward_only_and_in_two_statements(now: datetime) -> None:
    first, second = add_smtp(now, "first"), add_smtp(now, "second")
    earlier, later = now, now + timedelta(minutes=1)

    with CaptureQueriesContext(connection) as queries:
        record_health(
            [
                Health(first.pk, accepted_at=earlier),
                Health(first.pk, accepted_at=later, failed_at=earlier, failure="mailbox full"),
                Health(first.pk, failed_at=later, failure="refused"),
                Health(second.pk, accepted_at=later),
            ],
            now,
        )
    record_health([Health(first.pk, accepted_at=earlier, failed_at=earlier, failure="old news")], now)
    record_health([], now)

    assert [query["sql"].split()[0] for query in queries if "provideraccount" in query["sql"]] == ["SELECT", "UPDATE"]
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.last_accepted_at, first.last_failed_at, first.last_failure) == (later, later, "refused")
    assert (second.last_accepted_at, second.last_failed_at, second.last_failure) == (later, None, "")
    assert first.version == 1


def test_a_first_failure_is_kept(now: datetime) -> None:
    account = add_smtp(now)

    record_health([Health(account.pk, failed_at=datetime(2026, 1, 1, tzinfo=UTC), failure="x" * 600)], now)

    account.refresh_from_db()
    assert account.last_failure == "x" * 500


def test_an_account_that_was_changed_is_tried_afresh(now: datetime) -> None:
    account = add_smtp(now)
    told = Health(account.pk, failed_at=now, failure="535", fault=Fault.SETUP, failures=1, started_at=now)
    record_health([told], now)
    account.refresh_from_db()
    assert account.paused_until == now + timedelta(minutes=1)

    changed = update_account(by=SHELL, now=now, account_id=account.pk, config={"password": "correct"})

    assert (changed.failures, changed.pauses, changed.opened_at, changed.paused_until) == (0, 0, None, None)


def test_an_accounts_own_limit_keeps_what_the_vendor_counts_by(now: datetime) -> None:
    config = {
        "access_key_id": "LTAI5t", "access_key_secret": "s3cret", "sign_name": "x", "template_code": "SMS_1",
    }  # fmt: skip
    account = add_account(
        by=SHELL, now=now, name="aliyun", provider="aliyun_sms", config=config, limit_count=10, limit_seconds=3600
    )

    assert capabilities_of(account).limit == Limit(10, timedelta(hours=1), LimitScope.TARGET)


def test_an_account_whose_key_is_lost_is_counted_switched_off_and_entered_again(now: datetime, settings: Any) -> None:
    account = add_smtp(now)
    old_keys, settings.SECRET_KEYS = settings.SECRET_KEYS, ("new-" + "1" * 40,)

    counted = count_sealed_by_other_keys(ProviderAccount.objects.all(), "config")
    account = ProviderAccount.objects.get()
    shown = masked_config(account)
    disable_account(by=SHELL, now=now, account_id=account.pk)
    with pytest.raises(InvalidInputError) as refusal:
        update_account(by=SHELL, now=now, account_id=account.pk, config={"password": "another1"})
    settings.SECRET_KEYS = old_keys
    found_again = config_of(ProviderAccount.objects.get())
    settings.SECRET_KEYS = ("new-" + "1" * 40,)
    update_account(by=SHELL, now=now, account_id=account.pk, config={**SMTP, "password": "another1"})

    assert counted == 1
    assert "hunter22" not in str(shown)
    assert "config.host" in refusal.value.fields
    assert found_again["password"] == "hunter22"
    assert config_of(ProviderAccount.objects.get())["password"] == "another1"
    assert not ProviderAccount.objects.get().is_enabled
    assert count_sealed_by_other_keys(ProviderAccount.objects.all(), "config") == 0


def test_an_outbox_whose_key_is_lost_works_again_after_a_start(now: datetime, settings: Any) -> None:
    ensure_outbox_accounts(now=now)
    settings.SECRET_KEYS = ("new-" + "1" * 40,)

    assert ensure_outbox_accounts(now=now) == []
    assert count_sealed_by_other_keys(ProviderAccount.objects.all(), "config") == 0
