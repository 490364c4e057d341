"""A worker that is killed while it calls: what is not known is not claimed to be, and the next worker goes on."""

from __future__ import annotations

from datetime import timedelta

import psutil
import pytest

from simulators.softphone import Softphone
from simulators.waiting import wait_until
from tests.chaos.processes import is_alive
from tests.chaos.programs import Program, on_this_database
from tocsin.alerts.models import Alert
from tocsin.channels.models import ProviderAccount
from tocsin.channels.services import add_account, ensure_outbox_accounts, update_account
from tocsin.contacts.models import Contact
from tocsin.contacts.services import create_contact
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.delivery.models import Delivery
from tocsin.delivery.pipeline import accept
from tocsin.events.models import Integration
from tocsin.events.queries import key_of
from tocsin.events.rules import Report
from tocsin.events.services import create_integration
from tocsin.policies.services import create_policy

pytestmark = pytest.mark.django_db(transaction=True)


def leads_to(phone: Softphone) -> dict[str, str]:
    return {"server": f"127.0.0.1:{phone.port}", "register": "no", "dial": phone.address}


def calls_ann(phone: Softphone) -> tuple[ProviderAccount, Integration]:
    now = utc_now()
    ensure_outbox_accounts(now=now)
    account = add_account(by=SHELL, now=now, name="trunk", provider="sip", config=leads_to(phone))
    ann = create_contact(by=SHELL, now=now, name="Ann", phone="+8613800000001", email="")
    Contact.objects.filter(pk=ann.pk).update(phone_verified_at=now)
    create_policy(by=SHELL, now=now, name="Calls", targets=[(ann.pk, ["phone"])], group_wait=timedelta(0))
    integration, _token = create_integration(by=SHELL, now=now, name="Source")
    return account, integration


def fire(integration: Integration, name: str) -> None:
    now = utc_now()
    accept(key_of(integration), [Report({"alertname": name}, {}, "", now, now + timedelta(hours=1))], now)


def call() -> Delivery:
    return Delivery.objects.filter(channel="phone").latest("pk")


def test_a_worker_killed_while_it_rings_leaves_no_call_behind_and_the_next_one_hears_the_key() -> None:
    environment = on_this_database()
    with Softphone(picks_up=None) as ringing, Softphone(presses="1") as phone:
        account, integration = calls_ann(ringing)
        with Program("worker", environment=environment) as first:
            fire(integration, "DiskFull")
            ringing.wait_for("rings")
            wait_until(lambda: call().state == "accepted")
            children = psutil.Process(first.pid).children(recursive=True)
            psutil.Process(first.pid).kill()  # alone: its children have to see for themselves
            wait_until(lambda: not any(is_alive(child.pid) for child in children))
        assert children
        assert call().state == "accepted", "nobody knows what became of it"
        update_account(by=SHELL, now=utc_now(), account_id=account.pk, config=leads_to(phone))

        with Program("worker", environment=environment):
            Delivery.objects.filter(state="accepted").update(deadline_at=utc_now())
            wait_until(lambda: Delivery.objects.filter(channel="sms", state="accepted").exists())
            lost = call()
            assert (lost.state, lost.reason) == ("failed", "no_receipt")

            fire(integration, "LoadHigh")
            wait_until(lambda: Alert.objects.filter(state="handling").exists())

    claimed = Alert.objects.get(state="handling")
    assert (claimed.title, claimed.claimed_by) == ("LoadHigh", "Ann")
    assert (call().state, call().pressed_key) == ("delivered", "1")
