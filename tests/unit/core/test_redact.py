"""What logs and masked pages never show."""

from __future__ import annotations

import pytest

from tocsin.core.redact import mask_email, redact


@pytest.mark.parametrize(
    ("email", "masked"),
    [
        ("zhang@example.org", "z***@example.org"),
        ("z@example.org", "***@example.org"),
        ('"a@b"@example.org', '"***@example.org'),
        ("", ""),
    ],
)
def test_an_email_is_masked_to_its_first_letter_and_domain(email: str, masked: str) -> None:
    assert mask_email(email) == masked


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("GET /v/A1b2C3d4E5f6G7h8I9j0K1 200", "GET /v/*** 200"),
        ("GET /c/A1b2C3d4E5f6G7h8I9j0K1 200", "GET /c/*** 200"),
        ("GET https://t.example/a/SECRET?x=1", "GET https://t.example/a/***?x=1"),
        ("GET https://t.example/d/A1b2C3d4E5f6G7h8I9j0K1?x", "GET https://t.example/d/***?x"),
        ("POST /callbacks/twilio/SECRET", "POST /callbacks/twilio/***"),
        ("POST /integrations/SECRET/grafana", "POST /integrations/***/grafana"),
        ("POST /api/v1/events/SECRET", "POST /api/v1/events/***"),
        ("https://open.feishu.cn/open-apis/bot/v2/hook/SECRET", "https://open.feishu.cn/open-apis/bot/v2/hook/***"),
        (
            "https://oapi.dingtalk.com/robot/send?access_token=SECRET&timestamp=1&sign=SECRET%3D",
            "https://oapi.dingtalk.com/robot/send?access_token=***&timestamp=1&sign=***",
        ),
        (
            "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=SECRET",
            "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=***",
        ),
        ("Authorization: Basic dTpw", "Authorization: ***"),
        ("sent with Bearer SECRETSECRET to it", "sent with Bearer *** to it"),
        ("smtp://user:pa55@mail.example:587?from=a@b", "smtp://***@mail.example:587?from=a@b"),
        ('{"password": "SECRET", "user": "u"}', '{"password": "***", "user": "u"}'),
        ("{'signing_secret': 'SECRET'}", "{'signing_secret': '***'}"),
    ],
)
def test_credentials_are_taken_out_of_texts(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "POST /api/v2/alerts",
        "error code: 310000 keywords not in content",
        "token is not exist",
        "disk=full keyword=disk monkey=3",
        "https://tocsin.example/console/contacts/",
        "https://grafana.example/d/rYdddlPWk/node-exporter",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert redact(text) == text
