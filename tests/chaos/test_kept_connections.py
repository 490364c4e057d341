"""A real worker keeps the connection to an SMSC from its start on, and lets go of it when the account is gone."""

from __future__ import annotations

import pytest

from simulators.smsc import Smsc
from simulators.waiting import wait_until
from tests.chaos.programs import working
from tocsin.channels.kinds import Channel
from tocsin.channels.services import add_account, disable_account, ensure_outbox_accounts, update_account
from tocsin.contacts.models import Contact
from tocsin.contacts.services import create_contact
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.delivery.models import Delivery, Receipt
from tocsin.delivery.services import send_test

pytestmark = pytest.mark.django_db(transaction=True)


def test_receipts_come_to_a_worker_that_has_sent_nothing_since_it_began() -> None:
    now = utc_now()
    ensure_outbox_accounts(now=now)
    with Smsc(receipts="") as smsc:
        account = add_account(by=SHELL, now=now, name="operator", provider="smpp", config=smsc.config)
        contact = create_contact(by=SHELL, now=now, name="Ann", phone="+8613800000001")
        Contact.objects.filter(pk=contact.pk).update(phone_verified_at=now)
        with working():
            sent = send_test(by=SHELL, now=utc_now(), object_id=contact.pk, channel=Channel.SMS)
            [part] = smsc.wait_for(1)
            wait_until(lambda: Delivery.objects.get(pk=sent.pk).state == "accepted")
        wait_until(lambda: not smsc.bound)

        with working():
            wait_until(lambda: len(smsc.bound) == 1)
            smsc.report(part)
            wait_until(lambda: Delivery.objects.get(pk=sent.pk).state == "delivered")
            assert smsc.answered[-1:] == [0]
            assert Receipt.objects.get().effect == "applied"

            update_account(by=SHELL, now=utc_now(), account_id=account.pk, config={"window": "5"})
            wait_until(lambda: len(smsc.binds_seen) == 3)
            wait_until(lambda: len(smsc.bound) == 1)

            disable_account(by=SHELL, now=utc_now(), account_id=account.pk)
            wait_until(lambda: not smsc.bound)
