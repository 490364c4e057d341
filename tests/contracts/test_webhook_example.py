"""The receiver that docs/recipes/webhook.md shows, run as it stands there against what is really sent."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simulators.webhook import WebhookReceiver
from tests.contracts.sending import ROBOT, send_one
from tocsin.channels.base import Outcome
from tocsin.channels.kinds import Channel

RECIPE = Path(__file__).parents[2] / "docs" / "recipes" / "webhook.md"
SECRETS = ("a plain secret", "whsec_bXkgd2ViaG9vayBzZWNyZXQh")
Check = Callable[[Mapping[str, str], bytes, str], bool]


@pytest.fixture(scope="module")
def is_from_tocsin() -> Check:
    [source] = re.findall(r"```python\n(.*?)```", RECIPE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102 (our own document)
    check: Check = names["is_from_tocsin"]
    return check


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_documents_receiver_takes_what_is_sent_and_nothing_else(
    is_from_tocsin: Check, secret: str, method: str
) -> None:
    with WebhookReceiver(secret=secret) as receiver:
        config = {"url": receiver.webhook, "secret": secret, "method": method, "body": '{"text": "$content"}'}
        result = send_one("webhook", config, replace(ROBOT, channel=Channel.WEBHOOK))
    [received] = receiver.received
    headers, body = {name.lower(): value for name, value in received.headers.items()}, received.body
    old = {**headers, "webhook-timestamp": str(int(time.time()) - 301)}

    assert result.outcome == Outcome.ACCEPTED
    assert is_from_tocsin(headers, body, secret)
    assert not is_from_tocsin(headers, body + b" ", secret)
    assert not is_from_tocsin(headers, body, "another secret")
    assert not is_from_tocsin({**headers, "webhook-id": "other"}, body, secret)
    assert not is_from_tocsin(old, body, secret)
