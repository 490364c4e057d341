"""A new key before the old one, everything stored under it, the old one gone."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from django.db import connection, transaction

from simulators.waiting import wait_until
from tests.chaos.threads import is_anybody_waiting_for_a_lock, then_close
from tests.stories.harness import ADMIN, Story
from tests.stories.test_apply import run
from tocsin.accounts.queries import find_signing_key
from tocsin.accounts.rules import Role
from tocsin.accounts.services import create_access_key, create_user
from tocsin.channels.models import ProviderAccount
from tocsin.channels.reencrypting import encrypted_columns, reencrypt
from tocsin.contacts.models import Robot, Webhook
from tocsin.core import crypto

NEW = "new-" + "1" * 40


@pytest.fixture
def full(story: Story) -> dict[str, str]:
    """An installation with a secret of each kind; what they open to."""
    user = create_user(by=ADMIN, now=story.now, username="eve", password="correct horse battery", role=Role.ADMIN)
    key, secret = create_access_key(by=ADMIN, now=story.now, user_id=user.pk, name="SDK", role=Role.VIEWER)
    totp = Authenticator.objects.create(
        user=user, type=Authenticator.Type.TOTP, data={"secret": encrypt("JBSWY3DPEHPK3PXP")}
    )
    codes = Authenticator.objects.create(
        user=user, type=Authenticator.Type.RECOVERY_CODES, data={"seed": encrypt("5eed"), "used_mask": 3}
    )
    ann = story.contact("Ann")
    story.robot("https://oapi.dingtalk.com/robot/send?access_token=abc", name="Ops", secret="SECabc")
    story.webhook("https://hooks.example.org/abc", name="Tickets")
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(30)
    story.expect_text(ann, "Disk full")
    return {"key": key.key_id, "secret": secret, "totp": str(totp.pk), "codes": str(codes.pk)}


def sealed_by_others(keys: list[str]) -> dict[str, int]:
    """Column -> ciphertexts in it that are under none of these keys."""
    found = {}
    with connection.cursor() as cursor:
        for model, column in encrypted_columns():
            table = model._meta.db_table
            cursor.execute(
                f"SELECT count(*) FROM {table} WHERE {column} <> '' AND NOT split_part({column}, ':', 2) = ANY(%s)",
                [crypto.key_ids(keys)],
            )
            if count := cursor.fetchone()[0]:
                found[f"{table}.{column}"] = count
    return found


def test_the_old_key_can_be_taken_away(full: dict[str, str], settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    old = tuple(settings.SECRET_KEYS)
    before = sealed_by_others([NEW])
    settings.SECRET_KEYS = (NEW, *old)

    assert run("secrets", "reencrypt", "--json") == 0
    done = {item["column"]: item["changed"] for item in json.loads(capsys.readouterr().out) if item["changed"]}
    assert run("secrets", "reencrypt") == 0
    again = capsys.readouterr().out
    settings.SECRET_KEYS = (NEW,)

    assert done == before | {"mfa_authenticator.data": 2}
    assert {"channels_provideraccount.config", "contacts_robot.url", "contacts_robot.secret", "contacts_webhook.url",
            "accounts_accesskey.secret"} <= before.keys()  # fmt: skip
    assert "0 secrets encrypted anew." in again
    assert sealed_by_others([NEW]) == {}
    assert Robot.objects.get().secret == "SECabc"
    assert Webhook.objects.get().url == "https://hooks.example.org/abc"
    key = find_signing_key(full["key"])
    assert key is not None
    assert key.secret == full["secret"]
    assert decrypt(Authenticator.objects.get(pk=full["totp"]).data["secret"]) == "JBSWY3DPEHPK3PXP"
    codes = Authenticator.objects.get(pk=full["codes"])
    assert (decrypt(codes.data["seed"]), codes.data["used_mask"]) == ("5eed", 3)


def test_what_no_key_opens_is_said_and_stays(
    full: dict[str, str], settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tuple(settings.SECRET_KEYS)
    lost = sealed_by_others([NEW])
    settings.SECRET_KEYS = (NEW,)

    assert run("secrets", "reencrypt") == 3
    said = capsys.readouterr().out

    assert f"contacts_robot.url: no key opens {lost['contacts_robot.url']} secret." in said
    assert "mfa_authenticator.data: no key opens 2 secrets." in said
    assert "Every stored secret" not in said
    assert sealed_by_others(list(old)) == {}
    settings.SECRET_KEYS = old
    assert Robot.objects.get().secret == "SECabc"


@pytest.mark.django_db(transaction=True)
def test_what_somebody_changes_meanwhile_is_kept(now: datetime, settings: Any) -> None:
    """More rows than go at once, one of them being written by another process when its turn comes."""
    ProviderAccount.objects.bulk_create(
        ProviderAccount(
            name=f"Account {number}", provider="smtp", channel="email", config=json.dumps({"n": number}),
            callback_token=f"t{number}", created_at=now,
        )
        for number in range(2500)
    )  # fmt: skip
    settings.SECRET_KEYS = (NEW, *settings.SECRET_KEYS)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            ProviderAccount.objects.filter(name="Account 7").update(config=json.dumps({"n": "changed"}))
            encrypting = pool.submit(then_close, lambda: reencrypt(ProviderAccount, "config"))
            wait_until(is_anybody_waiting_for_a_lock)
        done = encrypting.result(60)

    settings.SECRET_KEYS = (NEW,)
    found = {account.name: json.loads(account.config)["n"] for account in ProviderAccount.objects.all()}
    assert (done.changed, done.unreadable) == (2499, 0)
    assert found == {f"Account {number}": number for number in range(2500)} | {"Account 7": "changed"}
