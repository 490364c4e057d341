"""/callbacks/<provider>/<token>: what vendors say later becomes receipts, and whoever has no token learns nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from simulators.aliyun import AliyunSimulator
from simulators.sms_gateway import DELIVERED, FAILED, SUBMITTED, SmsGatewaySimulator
from tests.stories.harness import Story
from tests.stories.harness import begin as begin_story
from tocsin.channels.models import ProviderAccount
from tocsin.delivery.models import Delivery, Receipt
from tocsin.web.callbacks.door import MAX_BODY

pytestmark = pytest.mark.django_db


@pytest.fixture
def story(now: datetime) -> Story:
    return begin_story(now)


@pytest.fixture
def gateway() -> Iterator[SmsGatewaySimulator]:
    with SmsGatewaySimulator(reports=()) as running:
        yield running


def add_gateway(story: Story, gateway: SmsGatewaySimulator) -> ProviderAccount:
    return story.account(
        "http_sms", preset="kannel", url=gateway.sendsms, username=gateway.username, password=gateway.password
    )


def path_of(account: ProviderAccount, query: str = "") -> str:
    return f"/callbacks/{account.provider}/{account.callback_token}{query}"


def test_a_gateways_report_delivers_the_text(story: Story, gateway: SmsGatewaySimulator, client: Client) -> None:
    account = add_gateway(story, gateway)
    ann = story.contact()
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    [text] = gateway.texts
    assert text.dlr_url.startswith(f"https://tocsin.example{path_of(account)}?reference=")
    assert story.delivery(ann, "sms").state == "accepted"

    for kind in (DELIVERED, SUBMITTED, DELIVERED):
        reply = client.get(text.report(kind).removeprefix("https://tocsin.example"))
        assert (reply.status_code, reply.content) == (200, b"")

    assert story.delivery(ann, "sms").state == "delivered"
    assert [(receipt.status, receipt.count) for receipt in Receipt.objects.order_by("pk")] == [
        ("delivered", 2),
        ("queued", 1),
    ]


def test_a_failed_report_fails_the_text(story: Story, gateway: SmsGatewaySimulator, client: Client) -> None:
    add_gateway(story, gateway)
    ann = story.contact()
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)

    client.get(gateway.texts[0].report(FAILED).removeprefix("https://tocsin.example"))

    delivery = story.delivery(ann, "sms")
    assert (delivery.state, delivery.reason) == ("failed", "undelivered")


@pytest.mark.parametrize(
    "change", ["token", "case", "provider", "unknown provider", "unstorable provider", "unstorable token", "empty"]
)
def test_whoever_has_no_token_learns_nothing(
    story: Story, gateway: SmsGatewaySimulator, client: Client, change: str
) -> None:
    account = add_gateway(story, gateway)
    path = {
        "token": f"/callbacks/http_sms/{'A' * 22}",
        "case": path_of(account).swapcase().replace("/CALLBACKS/HTTP_SMS", "/callbacks/http_sms"),
        "provider": f"/callbacks/smtp/{account.callback_token}",
        "unknown provider": f"/callbacks/pigeon/{account.callback_token}",
        "unstorable provider": "/callbacks/%00/x",
        "unstorable token": "/callbacks/http_sms/%00%ff",
        "empty": "/callbacks/http_sms/%20",
    }[change]

    reply = client.get(path, {"reference": "1", "type": "1"})

    assert (reply.status_code, reply.content) == (404, b"Not found.\n")
    assert not Receipt.objects.exists()


def test_a_provider_without_callbacks_answers_not_found(story: Story, client: Client) -> None:
    account = ProviderAccount.objects.get(provider="outbox_phone")

    assert client.post(path_of(account), b"{}", content_type="application/json").status_code == 404


@pytest.mark.parametrize("reference", ["zzzzzzzzzzzzz", "1y2p0ij32e8e8", "UPPER", "../../x", "%00", "k" * 40])
def test_a_reference_that_cannot_be_ours_is_left(
    story: Story, gateway: SmsGatewaySimulator, client: Client, reference: str
) -> None:
    account = add_gateway(story, gateway)

    assert client.get(path_of(account, f"?reference={reference}&type=1")).status_code == 200

    assert not Receipt.objects.exists()


def test_a_report_of_another_accounts_text_moves_nothing(
    story: Story, gateway: SmsGatewaySimulator, client: Client
) -> None:
    add_gateway(story, gateway)
    other = add_gateway(story, gateway)
    ann = story.contact()
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    query = gateway.texts[0].report(FAILED).partition("?")[2]

    client.get(path_of(other, f"?{query}"))

    assert story.delivery(ann, "sms").state == "accepted"


def test_a_disabled_account_still_hears_of_its_texts(
    story: Story, gateway: SmsGatewaySimulator, client: Client
) -> None:
    account = add_gateway(story, gateway)
    ann = story.contact()
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    ProviderAccount.objects.filter(pk=account.pk).update(is_enabled=False)

    client.get(gateway.texts[0].report(DELIVERED).removeprefix("https://tocsin.example"))

    assert story.delivery(ann, "sms").state == "delivered"


def test_json_is_taken_without_a_csrf_token_and_answered_as_the_vendor_expects(story: Story, tmp_path: Path) -> None:
    preset = tmp_path / "push.yaml"
    preset.write_text(
        "title: Push\nneeds: []\nrequest: {url: 'http://127.0.0.1:1/', body: '{text}'}\n"
        "reply: {success: status == 200}\n"
        "receipts:\n  each: json\n  id: item.biz_id\n  statuses: [{when: item.success == true, status: delivered}]\n"
        "  answer: {content_type: application/json, body: '{\"code\": 0}'}\n"
    )
    account = story.account("http_sms", preset=str(preset))
    body = json.dumps([{"biz_id": "12^3\u0000", "success": True}, {"biz_id": "124", "success": False}])

    reply = Client(enforce_csrf_checks=True).post(path_of(account), body, content_type="application/json")

    assert (reply.status_code, reply["Content-Type"], reply.content) == (200, "application/json", b'{"code": 0}')
    assert (reply["Cache-Control"], reply["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert [receipt.provider_id for receipt in Receipt.objects.all()] == ["12^3"]


def test_a_huge_body_is_refused(story: Story, gateway: SmsGatewaySimulator, client: Client) -> None:
    account = add_gateway(story, gateway)

    assert client.post(path_of(account), b"x" * (MAX_BODY + 1), content_type="text/plain").status_code == 413
    assert client.post(path_of(account), b"x" * MAX_BODY, content_type="text/plain").status_code == 200
    assert client.put(path_of(account), b"x").status_code == 405


def test_alibaba_clouds_voice_reports_are_answered_well_within_their_700_milliseconds(now: datetime) -> None:
    """It gives up after that and comes again later. They are stored when it hears the answer."""
    story = begin_story(now)
    with AliyunSimulator(clock=lambda: now) as aliyun:
        account = story.account("aliyun_voice", **aliyun.voice_config)
        people = [story.contact() for _ in range(20)]
        story.policy({person: ["phone"] for person in people})
        story.fires("DiskFull")
        story.passes(5)
        for person in people:
            story.expect_call(person)
        reports = [json.loads(aliyun.voice_report(call, "200002"))[0] for call in aliyun.calls]
    path = f"/callbacks/aliyun_voice/{account.callback_token}"
    Client().post(path, json.dumps(reports[:1]), content_type="application/json")  # what is made at the first request

    begun = time.process_time()
    with CaptureQueriesContext(connection) as asked:
        reply = Client().post(path, json.dumps(reports[1:]), content_type="application/json")
    took = time.process_time() - begun  # of ours alone, whatever else the machine does

    assert reply.json()["code"] == 0
    assert took < 0.7, f"{len(reports) - 1} reports of failed calls, their fallbacks planned, took {took:.2f} s"
    assert len(asked) < 40, "asked for each report"
    assert Delivery.objects.filter(channel="phone", state="failed", reason="busy").count() == 20
    assert Delivery.objects.filter(channel="sms", fallback_of__isnull=False).count() == 20
