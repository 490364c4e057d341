"""What robots have in common."""

from __future__ import annotations

import pytest

from tocsin.channels.groups import webhook_parts


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:99999/hooks/x",
        "https://127.0.0.1:0/hooks/x",
        "https://127.0.0.1:port/hooks/x",
        "https://chat..example/hooks/x",
        f"https://{'a' * 64}.example/hooks/x",
        "https://[::1/hooks/x",
        "http://chat.example/hooks/x",
    ],
)
def test_what_no_connection_can_go_to_is_no_webhook(url: str) -> None:
    assert webhook_parts(url) is None


@pytest.mark.parametrize("url", ["https://chat.example:8443/x", "https://[::1]/x", "https://聊天.example/x"])
def test_what_one_can_go_to_is(url: str) -> None:
    assert webhook_parts(url) is not None
