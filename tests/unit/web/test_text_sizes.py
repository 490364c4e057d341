"""How long a text is as its channel counts."""

from __future__ import annotations

import pytest

from tocsin.web.console.text_sizes import said_size


@pytest.mark.parametrize(
    ("channel", "text", "size"),
    [
        ("sms", "", "1 part, 0 characters of GSM-7"),
        ("sms", "x" * 160, "1 part, 160 characters of GSM-7"),
        ("sms", "x" * 161, "2 parts, 161 characters of GSM-7"),
        ("sms", "[" * 80, "1 part, 80 characters of GSM-7"),
        ("sms", "[" * 81, "2 parts, 81 characters of GSM-7"),
        ("sms", "\u201cfull\u201d", "1 part, 6 characters of GSM-7"),
        ("sms", "磁" * 70, "1 part, 70 characters of UCS-2"),
        ("sms", "磁" * 135, "3 parts, 135 characters of UCS-2"),
        ("wecom", "磁" * 10, "30 bytes"),
        ("wecom", "x" * 4097, "4097 bytes; WeCom takes 4096, so the text is cut there"),
        ("dingtalk", "x" * 4097, "4097 bytes"),
        ("robot", "x" * 4097, "4097 bytes; Telegram takes 4096, so the text is cut there"),
        ("email", "x", ""),
        ("phone", "x", ""),
    ],
)
def test_a_size_is_told_in_what_the_channel_counts(channel: str, text: str, size: str) -> None:
    assert said_size(channel, text) == size
