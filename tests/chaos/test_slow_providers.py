"""A provider that hangs, a secret that cannot be read, an alert that cannot be planned: none holds up others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from simulators.smtp import SmtpSimulator
from simulators.waiting import wait_until
from tests.chaos.crowds import crowd
from tests.chaos.programs import working
from tocsin.alerts.models import Alert
from tocsin.channels.services import add_account, ensure_outbox_accounts
from tocsin.contacts.models import Contact
from tocsin.contacts.services import create_robot
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.delivery.models import Delivery
from tocsin.delivery.pipeline import accept
from tocsin.events.queries import key_of
from tocsin.events.rules import IntegrationKey, Report
from tocsin.events.services import create_integration
from tocsin.policies.services import create_policy

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def source() -> IntegrationKey:
    now = utc_now()
    ensure_outbox_accounts(now=now)
    integration, _token = create_integration(by=SHELL, now=now, name="Prometheus")
    return key_of(integration)


def fire(source: IntegrationKey, name: str) -> None:
    now = utc_now()
    accept(source, [Report({"alertname": name}, {}, "", now, now + timedelta(hours=1))], now)


def sent_over(channel: str) -> int:
    return Delivery.objects.filter(channel=channel, state="accepted").count()


def test_a_thousand_mails_to_a_server_that_hangs_keep_no_text_message_waiting(source: IntegrationKey) -> None:
    now = utc_now()
    with SmtpSimulator() as simulator:
        config = {"host": simulator.host, "port": str(simulator.port), "from": "a@example.org", "timeout": "2"}
        add_account(by=SHELL, now=now, name="slow", provider="smtp", config=config)
        group = crowd(1000, now)
        for number in range(1000):
            simulator.answer(f"p{number}@example.org", "hang at rcpt")
        ann = Contact.objects.earliest("pk")
        Contact.objects.filter(pk=ann.pk).update(phone="+8613800000001", phone_verified_at=now)
        everybody = [(group.pk, ["email"]), (ann.pk, ["sms"])]
        create_policy(by=SHELL, now=now, name="All", targets=everybody, group_wait=timedelta(0))
        with working():
            fire(source, "Mail first")
            wait_until(lambda: sent_over("sms") == 1)
            fire(source, "Text later")
            wait_until(lambda: sent_over("sms") == 2)

            assert sent_over("email") == 0
            assert Delivery.objects.filter(channel="email", state="planned").count() > 1900


def test_a_robot_whose_secret_cannot_be_read_keeps_nobody_else_waiting(source: IntegrationKey) -> None:
    now = utc_now()
    url = "https://oapi.dingtalk.com/robot/send?access_token=0123456789"
    robot = create_robot(by=SHELL, now=now, name="Team chat", platform="dingtalk", url=url)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE contacts_robot SET url = 'v1:00000000:encrypted-with-a-lost-key'")
    group = crowd(3, now)
    create_policy(
        by=SHELL, now=now, name="All", targets=[(robot.pk, []), (group.pk, ["email"])], group_wait=timedelta(0)
    )
    with working():
        fire(source, "Disk full")

        wait_until(lambda: sent_over("email") == 3)
        wait_until(lambda: Delivery.objects.get(channel="dingtalk").state == "failed")

    told = Delivery.objects.values_list("channel", "state", "reason")
    assert sorted(told) == [("dingtalk", "failed", "refused")] + [("email", "accepted", "")] * 3


def test_an_alert_that_cannot_be_planned_keeps_no_other_one_waiting(source: IntegrationKey) -> None:
    now = utc_now()
    create_policy(by=SHELL, now=now, name="All", targets=[(crowd(1, now).pk, ["email"])], group_wait=timedelta(0))
    fire(source, "Broken")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_event SET labels = labels || '{\"alertname\": true}'")
    fire(source, "Disk full")

    with working():
        wait_until(lambda: sent_over("email") == 1)

    broken, told = Alert.objects.order_by("pk")
    assert (broken.notified_at, broken.due_at is not None) == (None, True)
    assert told.notified_at is not None


def test_a_message_that_cannot_be_claimed_keeps_no_other_channel_waiting(source: IntegrationKey) -> None:
    now = utc_now()
    crowd(1, now)
    ann = Contact.objects.get()
    Contact.objects.filter(pk=ann.pk).update(phone="+8613800000001", phone_verified_at=now)
    Delivery.objects.create(
        purpose="test", recipient_id=ann.pk, channel="sms", attempt_count=32767, planned_at=now, next_at=now
    )
    create_policy(by=SHELL, now=now, name="All", targets=[(ann.pk, ["email"])], group_wait=timedelta(0))
    fire(source, "Disk full")

    with working():
        wait_until(lambda: sent_over("email") == 1)

    assert Delivery.objects.get(channel="sms").state == "planned"
