"""Calls over SIP without a call: what is said when, who picked up, what an account is."""

from __future__ import annotations

import math
import sys
from array import array
from itertools import pairwise
from typing import Any

import pytest

from tocsin.channels.base import Outcome, ReceiptStatus
from tocsin.channels.providers.sip import protocol
from tocsin.channels.providers.sip.account import settings_of
from tocsin.channels.providers.sip.conversation import Conversation
from tocsin.channels.providers.sip.listening import Ear, Picked
from tocsin.channels.providers.sip.outcomes import of_call, of_placing
from tocsin.channels.providers.sip.protocol import Ended, Key
from tocsin.channels.providers.sip.resampling import resampled
from tocsin.channels.providers.sip.speech import as_read
from tocsin.channels.providers.sip.tracing import Replies
from tocsin.channels.registry import PROVIDERS

SIP = PROVIDERS["sip"]
KEYS = {"1": Key("claimed"), "2": Key("resolved", confirm="again?")}
CLIP = 4.0
"""Seconds that each clip lasts in these conversations."""


class Talk:
    """A conversation on a clock of its own; `log` is what was done, with the second at which."""

    def __init__(self, keys: dict[str, Key] | None = None, machines: str = "listen") -> None:
        self.conversation = Conversation(KEYS if keys is None else keys, machines)
        self.now = 0.0
        self.plays_until = 0.0
        self.log: list[tuple[float, str]] = []

    def passes(self, seconds: float, *, voice: bool = False) -> Talk:
        end = self.now + seconds
        while self.now < end and not self.is_over:
            self.now = round(self.now + 0.02, 2)
            self._do(self.conversation.tick(0.02, is_voice=voice, is_playing=self.now < self.plays_until))
        return self

    def press(self, key: str) -> Talk:
        self._do(self.conversation.press(key))
        return self

    @property
    def is_over(self) -> bool:
        return bool(self.log) and self.log[-1][1] == "hangs up"

    @property
    def did(self) -> list[str]:
        return [what for _, what in self.log]

    def _do(self, turn: Any) -> None:
        if turn.judged is not None:
            self.log.append((self.now, turn.judged.value))
        if turn.pressed:
            self.log.append((self.now, f"pressed {turn.pressed}"))
        if turn.play:
            self.log.append((self.now, turn.play))
            self.plays_until = self.now + CLIP
        if turn.hangs_up:
            self.log.append((self.now, "hangs up"))


# The conversation


def test_a_person_who_says_hello_hears_the_message_three_times() -> None:
    talk = Talk().passes(0.8, voice=True).passes(60)

    assert talk.did == ["person", "message", "message", "message", "hangs up"]
    assert [at for at, _ in talk.log] == pytest.approx([1.7, 1.7, 10.7, 19.7, 28.7], abs=0.1)


def test_what_has_no_keys_is_said_twice_with_a_breath_between() -> None:
    talk = Talk(keys={}).passes(60)

    assert talk.did == ["person", "message", "message", "hangs up"]
    assert talk.now == pytest.approx(1.5 + 2 * (CLIP + 1.2), abs=0.1)


def test_a_key_interrupts_is_thanked_for_and_ends_the_call() -> None:
    talk = Talk().passes(3).press("1").press("1").passes(60)

    assert talk.did == ["person", "message", "pressed 1", "reply:1", "hangs up"]


def test_resolving_takes_the_same_key_twice() -> None:
    talk = Talk().passes(3).press("2").passes(2).press("2").passes(60)

    assert talk.did == ["person", "message", "confirm:2", "pressed 2", "reply:2", "hangs up"]


def test_who_does_not_confirm_hears_the_message_again_and_may_still_claim() -> None:
    talk = Talk().passes(3).press("2").passes(11).press("1").passes(60)

    assert talk.did == ["person", "message", "confirm:2", "message", "pressed 1", "reply:1", "hangs up"]


def test_nine_says_it_again_without_using_up_a_round() -> None:
    talk = Talk().passes(3).press("9").passes(60)

    assert talk.did == ["person", "message", "message", "message", "message", "hangs up"]


def test_other_keys_mean_nothing() -> None:
    talk = Talk(keys={}).passes(3).press("1").press("#").passes(60)

    assert talk.did == ["person", "message", "message", "hangs up"]


def test_a_key_before_anything_was_said_proves_a_person() -> None:
    talk = Talk().passes(0.5, voice=True).press("1").passes(60)

    assert talk.did == ["person", "pressed 1", "reply:1", "hangs up"]


def test_a_machine_is_left_the_message_once_when_its_greeting_is_over() -> None:
    talk = Talk().passes(8, voice=True).passes(60)

    assert talk.did == ["machine", "message", "hangs up"]
    assert [at for at, _ in talk.log][:2] == pytest.approx([3.5, 9.5], abs=0.1)


def test_whatever_answers_counts_where_nobody_listens_for_machines() -> None:
    talk = Talk(machines="off").passes(8, voice=True).passes(60)

    assert talk.did[:2] == ["person", "message"]
    assert talk.log[1][0] == pytest.approx(0.62, abs=0.05)


def test_no_call_goes_on_for_ever() -> None:
    talk = Talk().passes(2)
    for _ in range(200):
        talk.passes(1)
        if not talk.is_over:
            talk.press("9")

    assert talk.is_over
    assert talk.now == pytest.approx(150, abs=0.1)


@pytest.mark.parametrize(
    ("heard", "picked"),
    [
        ([(1.2, True), (0.8, False)], Picked.UNKNOWN),
        ([(1.2, True), (1.0, False)], Picked.PERSON),
        ([(1.4, False)], Picked.UNKNOWN),
        ([(1.6, False)], Picked.PERSON),
        ([(3.4, True)], Picked.UNKNOWN),
        ([(3.6, True)], Picked.MACHINE),
        ([(2.0, True), (0.3, False), (1.4, True)], Picked.MACHINE),
        ([(2.0, True), (0.6, False), (2.0, True)], Picked.UNKNOWN),
    ],
)
def test_who_picked_up_is_told_by_how_they_speak(heard: list[tuple[float, bool]], picked: Picked) -> None:
    ear = Ear()

    for seconds, is_voice in heard:
        for _ in range(round(seconds / 0.02)):
            ear.hear(0.02, is_voice=is_voice)

    assert ear.picked is picked


# The voice


def test_a_tone_keeps_its_pitch_and_loudness_and_what_is_too_high_is_gone() -> None:
    def tone(frequency: float) -> array[int]:
        return array("h", (int(10_000 * math.sin(2 * math.pi * frequency * n / 22050)) for n in range(22050)))

    low, high = resampled(tone(1000), 22050, 8000), resampled(tone(6000), 22050, 8000)

    assert len(low) == 8000
    ups = sum(before < 0 <= after for before, after in pairwise(low))
    assert ups == pytest.approx(1000, abs=2)
    assert _loudness(low) == pytest.approx(10_000 / math.sqrt(2), rel=0.02)
    assert _loudness(high) < 100


def _loudness(samples: array[int]) -> float:
    return math.sqrt(sum(value * value for value in samples) / len(samples))


@pytest.mark.parametrize(
    ("text", "language", "spoken"),
    [
        ("磁盘使用率 97%，实例 db1", "zh-hans", "磁盘使用率 百分之97，实例 db 1"),
        ("10.0.0.1:9100", "en", "10.0.0.1 port 9100"),
        ("1: Disk full", "en", "1: Disk full"),
    ],
)
def test_what_a_voice_reads_wrongly_is_written_as_it_is_said(text: str, language: str, spoken: str) -> None:
    assert as_read(text, language) == spoken


# What an account is


def config(**more: str) -> dict[str, str]:
    return {"server": "pbx.example.com", "user": "6001", **more}


@pytest.mark.parametrize(
    ("dial", "address"),
    [
        ("", "sip:+8613800000000@pbx.example.com"),
        ("00{digits}", "sip:008613800000000@pbx.example.com"),
        ("9{national}", "sip:913800000000@pbx.example.com"),
        ("sip:ann@10.0.0.5:5062", "sip:ann@10.0.0.5:5062"),
    ],
)
def test_numbers_are_dialled_as_the_trunk_wants_them(dial: str, address: str) -> None:
    assert SIP.problems(config(dial=dial)) == {}
    assert settings_of(SIP.complete(config(dial=dial))).address_of("+8613800000000") == address


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("server", "pbx example.com"),
        ("server", "sip:pbx.example.com"),
        ("server", "pbx.example.com:five"),
        ("proxy", "a;b"),
        ("user", "a@b"),
        ("password", 'a"b'),
        ("caller_id", "+1 555"),
        ("transport", "sctp"),
        ("ca_file", "/nonexistent/pbx.pem"),
        ("ca_file", "/a path/with blanks.pem"),
        ("dial", "{number}"),
        ("dial", "{e164}{e164}"),
        ("dial", "{e164.__class__}"),
        ("dial", "sip:a b@host"),
        ("ring_for", "4"),
        ("ring_for", "१०"),
        ("lines", "0"),
        ("lines", "51"),
        ("machines", "guess"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_field(field: str, value: str) -> None:
    assert set(SIP.problems(config(**{field: value}))) == {field}


def test_nothing_but_a_number_is_dialled() -> None:
    settings = settings_of(SIP.complete(config()))

    assert settings.address_of("+86138@evil.example;x=") == "sip:+86138@pbx.example.com"


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "baresip", None)

    assert "pip install 'tocsin[sip]'" in SIP.problems(config())["server"]


def test_registration_needs_a_user() -> None:
    assert set(SIP.problems({"server": "pbx.example.com"})) == {"user"}
    assert SIP.problems({"server": "pbx.example.com", "register": "no"}) == {}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sip:6001:s3%20cret@pbx.example.com", {"server": "pbx.example.com", "user": "6001", "password": "s3 cret"}),
        (
            "sip:acme:x@trunk.example.com:5080;transport=TCP?caller_id=+862155501234&register=no&lines=8",
            {
                "server": "trunk.example.com:5080", "user": "acme", "password": "x", "transport": "tcp",
                "caller_id": "+862155501234", "register": "no", "lines": "8",
            },
        ),
        ("sips:a:b@c.example.com", {"server": "c.example.com", "user": "a", "password": "b", "transport": "tls"}),
        (
            "sips:a:b@c.example.com:5071?verify=no",
            {"server": "c.example.com:5071", "user": "a", "password": "b", "transport": "tls", "verify": "no"},
        ),
        ("sip:trunk.example.com", {"server": "trunk.example.com", "register": "no"}),
    ],
)  # fmt: skip
def test_a_url_names_an_account(url: str, expected: dict[str, str]) -> None:
    assert SIP.from_url is not None
    assert SIP.from_url(url) == expected
    assert SIP.problems(expected) == {}


@pytest.mark.parametrize("url", ["http://pbx", "sip:", "sip:a:b@c;lr", "sip:a:b@c?colour=red", ""])
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    assert SIP.from_url is not None
    with pytest.raises(ValueError, match=r"SIP account|does not know"):
        SIP.from_url(url)


def test_a_deadline_leaves_time_to_ring_and_to_judge() -> None:
    listening, keyed = (SIP.capabilities_of(config(ring_for="40", machines=how)) for how in ("listen", "key"))

    assert listening.receipt_within is not None
    assert keyed.receipt_within is not None
    assert listening.receipt_within.total_seconds() == 60
    assert keyed.receipt_within.total_seconds() == 210


# What servers say


@pytest.mark.parametrize(
    ("ended", "outcome", "receipt"),
    [
        (Ended("c", protocol.NOT_REGISTERED, 403, "Forbidden"), Outcome.PERMANENT_CONFIG, None),
        (Ended("c", protocol.NOT_REGISTERED, 503, "Busy"), Outcome.TRANSIENT, None),
        (Ended("c", protocol.NOT_REGISTERED, 0, "no answer"), Outcome.TRANSIENT, None),
        (Ended("c", protocol.NOT_PLACED, 0, "refused"), Outcome.TRANSIENT, None),
        (Ended("c", protocol.NOT_TRUSTED, 0, "Protocol error [71]"), Outcome.PERMANENT_CONFIG, None),
        (Ended("c", protocol.NO_REPLY), Outcome.AMBIGUOUS, ReceiptStatus.UNREACHABLE),
        (Ended("c", protocol.LOST), Outcome.AMBIGUOUS, ReceiptStatus.FAILED),
        (Ended("c", protocol.RANG_OUT), Outcome.ACCEPTED, ReceiptStatus.NO_ANSWER),
        (Ended("c", protocol.REFUSED, 407, "x"), Outcome.PERMANENT_CONFIG, None),
        (Ended("c", protocol.REFUSED, 408, "x"), Outcome.ACCEPTED, ReceiptStatus.NO_ANSWER),
        (Ended("c", protocol.REFUSED, 484, "x"), Outcome.PERMANENT_TARGET, None),
        (Ended("c", protocol.REFUSED, 429, "x"), Outcome.RATE_LIMITED, None),
        (Ended("c", protocol.REFUSED, 503, "x"), Outcome.TRANSIENT, None),
        (Ended("c", protocol.REFUSED, 477, "unheard of"), Outcome.TRANSIENT, None),
        (Ended("c", protocol.REFUSED, 302, "x"), Outcome.TRANSIENT, None),
    ],
)
def test_how_a_call_ended_before_it_rang(ended: Ended, outcome: Outcome, receipt: ReceiptStatus | None) -> None:
    result, status = of_placing(ended, "s3cret")

    assert (result.outcome, status) == (outcome, receipt)


@pytest.mark.parametrize(
    ("ended", "receipt"),
    [
        (Ended("c", protocol.REFUSED, 486), ReceiptStatus.BUSY),
        (Ended("c", protocol.REFUSED, 487), ReceiptStatus.NO_ANSWER),
        (Ended("c", protocol.REFUSED, 603), ReceiptStatus.REJECTED),
        (Ended("c", protocol.REFUSED, 500), ReceiptStatus.UNREACHABLE),
        (Ended("c", protocol.RANG_OUT), ReceiptStatus.NO_ANSWER),
        (Ended("c", protocol.LOST), ReceiptStatus.FAILED),
    ],
)
def test_how_a_call_went_that_rang(ended: Ended, receipt: ReceiptStatus) -> None:
    assert of_call(ended) == receipt


def test_replies_are_read_from_the_trace_and_nothing_else_of_it_is_kept() -> None:
    replies = Replies()
    replies.read("RX UDP a -> b\nSIP/2.0 100 Trying\r\nCall-ID: abc\r\nCSeq: 1 INVITE\r\n\r\n")
    trying = replies.last("abc")
    replies.read("RX UDP a -> b\nSIP/2.0 503 No\r\ni: abc\r\nRetry-After: 7 (later)\r\nCSeq: 2 INVITE\r\n\r\n")
    replies.read("TX UDP b -> a\nINVITE sip:x SIP/2.0\r\nCall-ID: xyz\r\nCSeq: 1 INVITE\r\n\r\n")
    replies.read("RX UDP a -> b\nSIP/2.0 200 OK\r\nCall-ID: reg\r\nCSeq: 1 REGISTER\r\n\r\n")

    last = replies.last("abc")
    assert trying is not None
    assert last is not None
    assert (trying.status, last.status, last.retry_after) == (100, 503, 7)
    assert replies.last("xyz") is None
    assert replies.last("reg") is None
