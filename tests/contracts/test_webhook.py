"""Webhooks against a receiver that checks signatures and drops doubles: what arrives, and what each answer means."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from simulators.raw import RawServer
from simulators.webhook import WebhookReceiver
from tests.contracts.sending import ROBOT, TEXT, send, send_one
from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.webhook.sender import signature
from tocsin.channels.registry import provider_type

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DOCUMENT = {
    "version": "4",
    "status": "firing",
    "externalURL": "https://tocsin.example/alert/12",
    "commonLabels": {"alertname": "DiskFull"},
    "alerts": [{"status": "firing", "labels": {"alertname": "DiskFull"}}],
    "tocsin": {"alert_id": 12, "title": 'Disk "C"', "severity": "P1", "cause": "fired", "policy": "Databases"},
}
MESSAGE = replace(ROBOT, channel=Channel.WEBHOOK, to_name="Ticket system", data=json.dumps(DOCUMENT))
RECOVERED = replace(MESSAGE, data=json.dumps({**DOCUMENT, "status": "resolved"}))
CONTENT = f"[P1] Disk full\n{TEXT}"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver(secret=SECRET) as running:
        yield running


def config_for(receiver: WebhookReceiver, **more: Any) -> dict[str, str]:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in more.items()}
    return {"url": receiver.webhook, "secret": receiver.secret, **texts}


def test_a_signature_is_the_standards() -> None:
    signed = signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_without_a_template_the_receiver_gets_what_alertmanager_would_say_and_more(receiver: WebhookReceiver) -> None:
    result = send_one("webhook", config_for(receiver), MESSAGE)

    assert (result.outcome, result.code, result.detail) == (Outcome.ACCEPTED, "200", "HTTP 200: ok")
    [received] = receiver.received
    assert (received.method, received.id) == ("POST", "k3x9")
    assert received.headers["content-type"] == "application/json; charset=utf-8"
    own = {**DOCUMENT["tocsin"], "delivery_id": "k3x9", "content": CONTENT}  # type: ignore[dict-item]
    assert received.json() == {**DOCUMENT, "receiver": "Ticket system", "tocsin": own}


@pytest.mark.parametrize("secret", ["a plain sentence as secret", SECRET])
def test_it_is_signed_with_any_kind_of_secret(receiver: WebhookReceiver, secret: str) -> None:
    receiver.secret = secret

    assert send_one("webhook", config_for(receiver), MESSAGE).outcome == Outcome.ACCEPTED


def test_a_receiver_refuses_another_secret(receiver: WebhookReceiver) -> None:
    result = send_one("webhook", config_for(receiver) | {"secret": "something else"}, MESSAGE)

    assert (result.outcome, result.code) == (Outcome.PERMANENT_CONFIG, "401")
    assert "signature does not match" in result.detail
    assert receiver.received == []


def test_without_a_secret_nothing_is_signed(receiver: WebhookReceiver) -> None:
    receiver.secret = ""

    send_one("webhook", config_for(receiver), MESSAGE)

    [received] = receiver.received
    assert "webhook-signature" not in received.headers
    assert received.headers["webhook-timestamp"].isdigit()


def test_a_receiver_drops_what_it_has_already_by_the_id(receiver: WebhookReceiver) -> None:
    receiver.take_and_cut_next()

    results = send("webhook", config_for(receiver), MESSAGE, MESSAGE)

    assert [result.outcome for result in results] == [Outcome.AMBIGUOUS, Outcome.ACCEPTED]
    assert (len(receiver.received), receiver.doubles) == (1, 1)
    assert provider_type("webhook").capabilities.resend_is_safe


@pytest.mark.parametrize(
    ("template", "body"),
    [
        ('{"text": "$content"}', {"text": CONTENT}),
        ('{"text": "Alert: $content!"}', {"text": f"Alert: {CONTENT}!"}),
        ('{"text": $content, "level": "$severity"}', {"text": CONTENT, "level": "P1"}),
        ('{"title": "$title", "id": "$alert_id", "is": "$status"}', {"title": 'Disk "C"', "id": "12", "is": "firing"}),
        ('{"a": "\\"$title\\"", "b": "$cause$policy"}', {"a": '"Disk "C""', "b": "firedDatabases"}),
        ('["$url", "$unknown", "$5"]', ["https://tocsin.example/alert/12", "$unknown", "$5"]),
    ],
)
def test_placeholders_in_json_never_break_it(receiver: WebhookReceiver, template: str, body: object) -> None:
    send_one("webhook", config_for(receiver, body=template), MESSAGE)

    [received] = receiver.received
    assert received.json() == body
    assert received.headers["content-type"] == "application/json; charset=utf-8"


def test_alertmanagers_content_is_its_whole_payload_and_makes_the_other_content_say_nothing(
    receiver: WebhookReceiver,
) -> None:
    send_one("webhook", config_for(receiver, body="$alertmanager_content"), MESSAGE)
    send_one(
        "webhook",
        config_for(receiver, body='{"payload": $alertmanager_content, "text": "$content"}'),
        MESSAGE,
        reference="other",
    )

    payload = {**{key: value for key, value in DOCUMENT.items() if key != "tocsin"}, "receiver": "Ticket system"}
    assert receiver.received[0].json() == payload
    assert receiver.received[1].json() == {"payload": payload, "text": ""}


def test_a_text_is_sent_as_text(receiver: WebhookReceiver) -> None:
    send_one("webhook", config_for(receiver, body="Alert $title:\n$content"), MESSAGE)

    [received] = receiver.received
    assert received.body.decode() == f'Alert Disk "C":\n{CONTENT}'
    assert received.headers["content-type"] == "text/plain; charset=UTF-8"


def test_a_form_is_encoded_as_a_form(receiver: WebhookReceiver) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}

    send_one("webhook", config_for(receiver, body="payload=$title&x=1", headers=headers), MESSAGE)

    assert receiver.received[0].body == b"payload=Disk%20%22C%22&x=1"


def test_recovery_has_its_own_body_or_else_the_other_one(receiver: WebhookReceiver) -> None:
    own = config_for(receiver, body="$status", recovery_body="gone: $title")

    send("webhook", own, RECOVERED)
    send_one("webhook", config_for(receiver, body="$status"), RECOVERED, reference="other")

    assert [received.body for received in receiver.received] == [b'gone: Disk "C"', b"resolved"]


def test_headers_and_query_parameters_go_along(receiver: WebhookReceiver) -> None:
    headers, parameters = {"X-Token": "t-9", "Content-Type": "text/html"}, {"key": "k&=1", "text": "$title"}

    send_one("webhook", config_for(receiver, headers=headers, parameters=parameters, body="x"), MESSAGE)

    [received] = receiver.received
    assert (received.headers["x-token"], received.headers["content-type"]) == ("t-9", "text/html")
    assert received.query == {"key": "k&=1", "text": 'Disk "C"'}


def test_a_get_has_parameters_and_no_body(receiver: WebhookReceiver) -> None:
    config = config_for(receiver, method="GET", parameters={"text": "$content"}) | {"url": f"{receiver.webhook}?a=b#c"}

    result = send_one("webhook", config, MESSAGE)

    assert result.outcome == Outcome.ACCEPTED
    [received] = receiver.received
    assert (received.method, received.query, received.body) == ("GET", {"a": "b", "text": CONTENT}, b"")


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_delivered(receiver: WebhookReceiver, status: int) -> None:
    receiver.answer_next(status)

    assert send_one("webhook", config_for(receiver), MESSAGE).outcome == Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Outcome.PERMANENT_CONFIG),
        (401, Outcome.PERMANENT_CONFIG),
        (404, Outcome.PERMANENT_CONFIG),
        (410, Outcome.PERMANENT_CONFIG),
        (408, Outcome.TRANSIENT),
        (425, Outcome.TRANSIENT),
        (429, Outcome.RATE_LIMITED),
        (500, Outcome.TRANSIENT),
        (503, Outcome.TRANSIENT),
        (504, Outcome.AMBIGUOUS),
    ],
)
def test_every_other_status_has_its_class(receiver: WebhookReceiver, status: int, outcome: Outcome) -> None:
    receiver.answer_next(status, "no, because <b>")

    result = send_one("webhook", config_for(receiver), MESSAGE)

    assert (result.outcome, result.code) == (outcome, str(status))
    assert "no, because <b>" in result.detail
    assert receiver.received == []


def test_a_receiver_says_how_long_to_wait(receiver: WebhookReceiver) -> None:
    receiver.answer_next(503, "later", **{"Retry-After": "30"})

    assert send_one("webhook", config_for(receiver), MESSAGE).retry_after == timedelta(seconds=30)


def test_a_redirect_is_not_followed(receiver: WebhookReceiver) -> None:
    receiver.answer_next(302, "", Location=f"{receiver.url}/other")

    result = send_one("webhook", config_for(receiver), MESSAGE)

    assert (result.outcome, receiver.requests) == (Outcome.PERMANENT_CONFIG, 1)
    assert "a redirect, and none is followed" in result.detail


def test_five_seconds_are_all_a_receiver_has() -> None:
    with RawServer("hang") as server:
        result = send("webhook", {"url": server.url}, MESSAGE, timeout=60)[0]

    assert (result.outcome, result.code) == (Outcome.AMBIGUOUS, "no-reply")


def test_what_a_receiver_says_back_is_kept_without_secrets(receiver: WebhookReceiver) -> None:
    receiver.answer_next(200, "token t-9999 and key k-8888 were good")

    result = send_one("webhook", config_for(receiver, headers={"X": "t-9999"}, parameters={"key": "k-8888"}), MESSAGE)

    assert result.detail == "HTTP 200: token *** and key *** were good"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "ftp://x.example"}, "url"),
        ({"url": ""}, "url"),
        ({"method": "PUT"}, "method"),
        ({"headers": "[]"}, "headers"),
        ({"headers": '{"a b": "c"}'}, "headers"),
        ({"headers": '{"Host": "c"}'}, "headers"),
        ({"headers": '{"webhook-id": "c"}'}, "headers"),
        ({"headers": '{"X": "a\\r\\nY: b"}'}, "headers"),
        ({"headers": '{"X": "磁"}'}, "headers"),
        ({"headers": json.dumps({f"x-{number}": "y" for number in range(21)})}, "headers"),
        ({"parameters": '{"a": 1}'}, "parameters"),
        ({"parameters": json.dumps({"a": "b" * 1001})}, "parameters"),
        ({"secret": "short"}, "secret"),
        ({"secret": "whsec_%%%%%%"}, "secret"),
        ({"body": '{"text": "$content"'}, "body"),
        ({"body": "hello", "headers": '{"Content-Type": "application/json"}'}, "body"),
        ({"body": "x", "recovery_body": "{"}, "recovery_body"),
        ({"body": "x" * 20_001}, "body"),
        ({"body": "$alertmanager_content" * 4}, "body"),
        ({"body": "$content " * 11}, "body"),
        ({"body": "x", "recovery_body": "$url " * 51}, "recovery_body"),
        ({"parameters": json.dumps({"a": "$alertmanager_content" * 4})}, "parameters"),
    ],
)
def test_what_cannot_work_is_named(change: dict[str, str], field: str) -> None:
    assert list(provider_type("webhook").problems({"url": "https://x.example/hook", **change})) == [field]


def test_a_preview_shows_what_would_be_sent_and_no_secret() -> None:
    kind = provider_type("webhook")
    config = {"url": "https://x.example/hook?key=hidden", "headers": '{"X-Token": "hidden"}', "body": "$title"}
    assert kind.preview is not None

    shown = kind.preview(kind.complete(config), MESSAGE)

    assert shown == 'POST\nContent-Type: text/plain; charset=UTF-8\n\nDisk "C"'


def test_a_private_address_is_refused_when_it_is_connected_to(receiver: WebhookReceiver) -> None:
    async def run() -> SendResult:
        http = HttpClient()
        try:
            return await provider_type("webhook").open(config_for(receiver), http).send(MESSAGE)
        finally:
            await http.aclose()

    result = asyncio.run(run())

    assert (result.outcome, result.code) == (Outcome.PERMANENT_CONFIG, "address")
    assert receiver.requests == 0


def test_a_server_that_names_the_address_it_does_not_know_does_not_give_its_token_away() -> None:
    reply = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%s"
    says = b"Cannot POST /services/T0/B0/verysecrettoken?key=querysecret; no verysecrettoken"
    with RawServer(reply % (len(says), says)) as server:
        url = f"{server.url}/services/T0/B0/verysecrettoken?key=querysecret"
        result = send_one("webhook", {"url": url}, MESSAGE)

    assert "secret" not in result.detail
    assert result.detail.startswith("HTTP 404: Cannot POST ***")
