"""Webhooks: what they hold, what is refused, what stays secret."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import connection

from tocsin.contacts import services
from tocsin.contacts.models import NotificationObject, Webhook
from tocsin.contacts.queries import directory, webhook_config
from tocsin.contacts.rules import DuplicateError
from tocsin.core.actors import SHELL
from tocsin.core.errors import ConflictError, InvalidInputError
from tocsin.policies.services import create_policy

pytestmark = pytest.mark.django_db
URL = "https://tickets.example/hook?key=s3cr3t-key"


def make(now: datetime, **fields: Any) -> Webhook:
    given = {"name": "Tickets", "url": URL, "headers": {"X-Token": "s3cr3t-header"}, "secret": "s3cr3t-signing"}
    return services.create_webhook(by=SHELL, now=now, **given | fields)


def change(now: datetime, webhook: Webhook, **fields: Any) -> Webhook:
    return services.update_webhook(by=SHELL, now=now, webhook_id=webhook.pk, **{"version": webhook.version} | fields)


def test_a_webhook_is_a_notification_object_that_policies_name_without_channels(now: datetime) -> None:
    webhook = make(now)

    create_policy(by=SHELL, now=now, name="All", targets=[(webhook.pk, [])])

    assert webhook.object.kind == NotificationObject.Kind.WEBHOOK
    view = directory([webhook.pk]).webhooks[webhook.pk]
    assert (view.name, view.is_enabled) == ("Tickets", True)
    with pytest.raises(InvalidInputError) as refused:
        create_policy(by=SHELL, now=now, name="Other", targets=[(webhook.pk, ["email"])])
    assert refused.value.fields == {"targets": "A robot or webhook has its own channel; choose none for it."}


def test_what_may_hold_a_token_is_encrypted_and_stays_out_of_the_audit_log(now: datetime) -> None:
    webhook = make(now, parameters={"token": "s3cr3t-parameter"})
    change(now, webhook, secret="s3cr3t-other")

    with connection.cursor() as cursor:
        cursor.execute("SELECT url, headers, parameters, secret FROM contacts_webhook")
        stored = str(cursor.fetchall())
    assert "s3cr3t" not in stored
    assert "s3cr3t" not in str(list(LogEntry.objects.values()))
    assert webhook_config(Webhook.objects.get())["secret"] == "s3cr3t-other"


def test_a_header_shown_as_stars_keeps_its_value_and_others_change(now: datetime) -> None:
    webhook = make(now, headers={"X-Token": "s3cr3t", "X-Team": "a", "X-Gone": "b"})

    webhook = change(now, webhook, headers={"X-Token": "***", "X-Team": "c"})

    assert webhook.headers == '{"X-Token": "s3cr3t", "X-Team": "c"}'


def test_stars_for_what_was_never_stored_are_refused(now: datetime) -> None:
    webhook = make(now, headers={"X-Token": "s3cr3t"})

    for field in ("headers", "parameters"):
        with pytest.raises(InvalidInputError) as refused:
            change(now, webhook, **{field: {"X-Other": "***"}})
        assert list(refused.value.fields) == [field]
        assert "nothing is stored for: X-Other" in refused.value.fields[field]
    with pytest.raises(InvalidInputError) as refused:
        make(now, name="Second", parameters={"key": "***"})

    assert list(refused.value.fields) == ["parameters"]
    assert Webhook.objects.get().headers == '{"X-Token": "s3cr3t"}'


def test_what_is_not_given_stays_and_a_secret_can_be_taken_away(now: datetime) -> None:
    webhook = make(now, body="$content", recovery_body="over")

    webhook = change(now, webhook, secret="", is_enabled=False)

    webhook.refresh_from_db()
    assert (webhook.url, webhook.body, webhook.recovery_body, webhook.secret) == (URL, "$content", "over", "")
    assert (webhook.is_enabled, webhook.version) == (False, 2)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"url": "tickets.example/hook"}, "url"),
        ({"url": "https://[tickets/hook"}, "url"),
        ({"url": "https://tickets.example:99999/hook"}, "url"),
        ({"url": ""}, "url"),
        ({"method": "PUT"}, "method"),
        ({"headers": {"a b": "c"}}, "headers"),
        ({"headers": {"X": "a\nb"}}, "headers"),
        ({"parameters": {"": "x"}}, "parameters"),
        ({"body": "x" * 20_001}, "body"),
        ({"body": '{"text": "$content"'}, "body"),
        ({"recovery_body": "a\0b"}, "recovery_body"),
        ({"secret": "short"}, "secret"),
        ({"language": "xx"}, "language"),
    ],
)
def test_what_cannot_work_is_refused_at_its_field(now: datetime, fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make(now, **fields)

    assert list(refused.value.fields) == [wrong]
    assert "s3cr3t" not in str(refused.value.fields)
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("url", ["http://10.1.2.3/hook", "http://localhost/hook", "http://[::ffff:192.168.1.1]/"])
def test_a_private_address_is_refused_when_it_is_saved_and_the_way_out_is_named(now: datetime, url: str) -> None:
    webhook = make(now)

    for save in (lambda: make(now, name="Other", url=url), lambda: change(now, webhook, url=url)):
        with pytest.raises(InvalidInputError) as refused:
            save()
        assert "TOCSIN_OUTGOING_ALLOW" in refused.value.fields["url"]


def test_a_private_address_that_is_allowed_can_be_saved(now: datetime, settings: Any) -> None:
    settings.OUTGOING_ALLOW = ("10.0.0.0/8",)

    assert make(now, url="http://10.1.2.3/hook").pk


def test_a_name_is_unique(now: datetime) -> None:
    make(now)

    with pytest.raises(DuplicateError) as refused:
        make(now)

    assert refused.value.fields == {"name": "Tickets belongs to Tickets already."}


def test_somebody_elses_change_is_not_overwritten(now: datetime) -> None:
    webhook = make(now)
    change(now, webhook, name="Tickets 2")

    with pytest.raises(ConflictError):
        change(now, webhook, version=1, name="Tickets 3")


def test_deleting_says_what_used_it(now: datetime) -> None:
    webhook = make(now)
    create_policy(by=SHELL, now=now, name="All", targets=[(webhook.pk, [])])

    uses = services.delete_webhooks(by=SHELL, now=now, ids=[webhook.pk])

    assert [(use.kind, use.name) for use in uses] == [("policy", "All")]
    assert not NotificationObject.objects.filter(pk=webhook.pk).exists()


def test_stored_values_do_not_go_along_to_another_host(now: datetime) -> None:
    webhook = make(now, parameters={"token": "s3cr3t-parameter"})

    with pytest.raises(InvalidInputError) as refused:
        change(now, webhook, url="https://elsewhere.example/hook", headers={"X-Token": "***"})
    moved = change(
        now,
        webhook,
        url="https://elsewhere.example/hook",
        headers={"X-Token": "new"},
        parameters={"token": "other"},
    )

    text = "The URL leads to another host. Enter the value again that it shall get: %s."
    assert refused.value.fields == {"headers": text % "X-Token", "parameters": text % "token"}
    assert "s3cr3t" not in moved.headers + moved.parameters


def test_stored_values_stay_at_another_path_of_the_same_host(now: datetime) -> None:
    webhook = make(now)

    moved = change(now, webhook, url="https://TICKETS.example/other", headers={"X-Token": "***"})

    assert moved.headers == '{"X-Token": "s3cr3t-header"}'


def test_a_host_that_no_request_can_name_is_refused(now: datetime) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make(now, url="https://xn--a.example/")

    assert list(refused.value.fields) == ["url"]
