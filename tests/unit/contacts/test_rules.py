"""The pure rules."""

from __future__ import annotations

import pytest

from tocsin.channels.kinds import Channel
from tocsin.contacts.rules import (
    ContactReason,
    ContactView,
    Fallback,
    mention_id,
    resolved_fallback,
    why_not_reachable,
)
from tocsin.delivery.rules import Reason


def person(**fields: str | bool) -> ContactView:
    known: dict[str, object] = {
        "id": 1, "name": "Ann", "phone": "", "is_phone_verified": False, "email": "", "fallback": Fallback.DEFAULT,
        "user_id": "", "dingtalk_user_id": "", "lark_user_id": "", "wecom_user_id": "", "language": "",
        "time_zone": "", "has_legacy_chatbot": False,
    }  # fmt: skip
    return ContactView(**(known | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("own", "default", "resolved"),
    [
        (Fallback.DEFAULT, Fallback.SMS, Fallback.SMS),
        (Fallback.DEFAULT, Fallback.NONE, Fallback.NONE),
        (Fallback.NONE, Fallback.SMS, Fallback.NONE),
        (Fallback.CALL, Fallback.SMS, Fallback.CALL),
    ],
)
def test_an_own_choice_wins_over_the_default(own: Fallback, default: Fallback, resolved: Fallback) -> None:
    assert resolved_fallback(own, default) is resolved


@pytest.mark.parametrize("channel", [Channel.PHONE, Channel.SMS])
def test_calls_and_texts_need_a_verified_number(channel: Channel) -> None:
    assert why_not_reachable(person(), channel) is ContactReason.NO_PHONE
    assert why_not_reachable(person(phone="+8613812345678"), channel) is ContactReason.UNVERIFIED_PHONE
    assert why_not_reachable(person(phone="+8613812345678", is_phone_verified=True), channel) is None


def test_email_needs_an_address_that_nobody_has_to_verify() -> None:
    assert why_not_reachable(person(), Channel.EMAIL) is ContactReason.NO_EMAIL
    assert why_not_reachable(person(email="ann@example.org"), Channel.EMAIL) is None


@pytest.mark.parametrize("channel", [Channel.DINGTALK, Channel.LARK, Channel.WECOM, Channel.WEBHOOK])
def test_a_group_is_not_a_channel_to_one_person(channel: Channel) -> None:
    with pytest.raises(ValueError, match="does not reach one person"):
        why_not_reachable(person(), channel)


def test_delivery_knows_every_reason_by_the_same_word() -> None:
    assert {reason.value for reason in ContactReason} <= {reason.value for reason in Reason}


@pytest.mark.parametrize(
    ("fields", "dingtalk", "lark", "wecom"),
    [
        ({}, "", "", ""),
        ({"user_id": "u1"}, "u1", "", "u1"),
        ({"user_id": "ou_1"}, "", "ou_1", ""),
        ({"user_id": "u1", "dingtalk_user_id": "d1"}, "d1", "", "u1"),
        ({"user_id": "u1", "lark_user_id": "ou_2"}, "u1", "ou_2", "u1"),
        ({"user_id": "ou_1", "wecom_user_id": "w1"}, "", "ou_1", "w1"),
        (
            {"user_id": "u1", "dingtalk_user_id": "d1", "lark_user_id": "ou_2", "wecom_user_id": "w1"},
            "d1",
            "ou_2",
            "w1",
        ),
    ],
)
def test_a_platforms_own_id_wins_and_lark_takes_open_ids_only(
    fields: dict[str, str], dingtalk: str, lark: str, wecom: str
) -> None:
    contact = person(**fields)

    assert mention_id(contact, Channel.DINGTALK) == dingtalk
    assert mention_id(contact, Channel.LARK) == lark
    assert mention_id(contact, Channel.WECOM) == wecom
