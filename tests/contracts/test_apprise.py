"""Apprise's process against a server that it writes to: what is proved (nothing), and what it may not do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.ntfy import NtfySimulator
from tests.contracts.sending import ROBOT, TEXT
from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.groups import Note
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.apprise import LOCAL, OWN
from tocsin.channels.providers.apprise.robot import AppriseRobot, calling_no_name
from tocsin.channels.registry import provider_type

MESSAGE = replace(ROBOT, channel=Channel.APPRISE)
LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture
def ntfy() -> Iterator[NtfySimulator]:
    with NtfySimulator() as running:
        yield running


def send(address: str, allow: tuple[str, ...] = LOOPBACK, **changes: str) -> SendResult:
    async def run() -> SendResult:
        kind = provider_type("apprise")
        assert kind.problems({"address": address}) == {}
        return await kind.open({"address": address}, HttpClient(allow=allow)).send(replace(MESSAGE, **changes))  # type: ignore[arg-type]

    return asyncio.run(run())


def test_a_message_is_sent_and_never_proved(ntfy: NtfySimulator) -> None:
    result = send(ntfy.address, text="@everyone <!channel> disk full")

    assert (result.outcome, result.code, result.provider_id) == (Outcome.ACCEPTED, Note.UNCONFIRMED, "")
    assert "nobody knows" in result.detail
    [message] = ntfy.messages
    assert "disk full" in message
    assert "@everyone" not in message
    assert "<!" not in message
    can = provider_type("apprise").capabilities
    assert (can.accepted_is_delivered, can.has_receipts) == (False, False)


def test_what_apprise_could_not_send_is_told_without_its_secrets(ntfy: NtfySimulator) -> None:
    ntfy.status = 403

    result = send(ntfy.address)

    assert (result.outcome, result.code) == (Outcome.AMBIGUOUS, "failed")
    assert "s3cret-topic-9" not in repr(result)
    assert TEXT not in repr(result)
    assert ntfy.messages == []


def test_nothing_is_sent_to_a_private_address_also_after_a_redirect(ntfy: NtfySimulator) -> None:
    ntfy.location = f"http://[::1]:{ntfy.port}/elsewhere"

    refused = send(ntfy.address, ())
    redirected = send(ntfy.address)

    assert [refused.code, redirected.code] == ["address", "address"]
    assert [refused.outcome, redirected.outcome] == [Outcome.PERMANENT_CONFIG] * 2
    assert "a private address" in refused.detail
    assert ntfy.messages == []


def test_a_message_that_takes_too_long_is_ended(ntfy: NtfySimulator) -> None:
    ntfy.hangs_for = 30
    hurried = AppriseRobot(ntfy.address, allow=LOOPBACK, within=0.5)
    before = _children()

    result = asyncio.run(hurried.send(MESSAGE))

    assert (result.outcome, result.code) == (Outcome.AMBIGUOUS, "timeout")
    assert _children() == before


@pytest.mark.thorough
def test_its_process_reads_no_file_writes_none_and_starts_nothing(tmp_path: Path) -> None:
    from tocsin.channels.providers.apprise.child import Guard

    guard = Guard([])
    for event, args in (
        ("open", ("/etc/passwd", "r", os.O_RDONLY)),
        ("open", (str(tmp_path / "x"), "w", os.O_WRONLY | os.O_CREAT)),
        ("subprocess.Popen", ("sh", [], None, None)),
        ("os.system", (b"true",)),
        ("os.remove", ("x", -1)),
    ):
        with pytest.raises(OSError, match="tocsin-refused"):
            guard(event, args)
    guard("open", (os.__file__, "r", os.O_RDONLY))


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("ntfy://topic", ""),
        ("discord://123456/token", ""),
        ("ntfy", "whole Apprise URL"),
        ("https:// x", "whole Apprise URL"),
        *((f"{schema}://x", "this very machine") for schema in sorted(LOCAL)),
        *((f"{schema}://x", "by Tocsin itself") for schema in sorted(OWN)),
        ("fcm://p@k/t?keyfile=/etc/passwd", "leave keyfile out"),
        ("DBUS://x", "this very machine"),
    ],
)
def test_a_url_is_checked_before_anything_is_sent(address: str, says: str) -> None:
    problems = provider_type("apprise").problems({"address": address})

    assert (problems == {}) if not says else (says in problems["address"])


@given(st.text(alphabet=st.sampled_from("@<>!#&/ atevrychn\n019"), max_size=40))
def test_whatever_is_typed_no_name_stands_behind_an_at_and_no_tag_begins(typed: str) -> None:
    text = calling_no_name(typed)

    assert all(not text[at + 1 : at + 2].isalnum() for at, sign in enumerate(text) if sign == "@")
    assert not any(
        text[at + 1 :].lstrip()[:1] in ("@", "!", "#", "/")
        for at, sign in enumerate(text)
        if sign == "<" and text[at + 1 :].strip()
    )


def _children() -> set[str]:
    """Of this process: those that a message began."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"providers.apprise.child" in path.read_bytes() and _parent(path.parent) == os.getpid():
                found.add(path.parent.name)
        except OSError:
            continue
    return found


def _parent(process: Path) -> int:
    return int((process / "stat").read_text().rpartition(")")[2].split()[1])
