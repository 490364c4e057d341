"""SMPP 3.4 against an SMSC whose PDUs smpp34 reads and writes, and against smpp34's own server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import smpp34

from simulators.smsc import Smsc
from simulators.waiting import wait_until
from tests.contracts.asking import look_up
from tests.contracts.sending import SMS, opened, send, send_one, send_together
from tocsin.channels.base import (
    Confirmed,
    InboundText,
    Message,
    Outcome,
    Question,
    Receipt,
    ReceiptStatus,
    ReportingProvider,
    Said,
    SendResult,
)
from tocsin.channels.http import HttpClient
from tocsin.channels.providers.smpp.account import Settings, settings_of
from tocsin.channels.providers.smpp.pdu import Address, ShortMessage
from tocsin.channels.providers.smpp.receipts import MessageIds
from tocsin.channels.providers.smpp.receipts import Said as SaidOfOne
from tocsin.channels.providers.smpp.replies import Replies
from tocsin.channels.providers.smpp.sms import SmppSms
from tocsin.channels.registry import provider_type

LONG = "Disk full on db-1: /var is at 97 % and grows by 1 % a minute. " * 5
CHINESE = "磁盘空间不足，请立即处理。" * 8


@pytest.fixture
def smsc() -> Iterator[Smsc]:
    with Smsc() as running:
        yield running


def heard_while(config: dict[str, str], *steps: Callable[[ReportingProvider], object], count: int) -> list[Said]:
    """What an account that is listened to says, while things happen to it in a thread of their own."""

    async def run() -> list[Said]:
        heard: list[Said] = []

        async def listen(provider: ReportingProvider) -> None:
            async for said in provider.receipts():
                heard.append(said)  # noqa: PERF401 (seen while it goes on)

        async with opened("smpp", config) as provider:
            listening = asyncio.create_task(listen(provider))
            for step in steps:
                result = step(provider)
                if asyncio.iscoroutine(result):
                    await result
            async with asyncio.timeout(60):
                while len(heard) < count:  # noqa: ASYNC110 (as a person would look)
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
        await listening
        return heard

    return asyncio.run(run())


def settings_for(smsc: Smsc, **changes: str) -> Settings:
    """As the account's fields have them, before a test makes something of it that they do not offer."""
    return settings_of(provider_type("smpp").complete({**smsc.config, **changes}))


def sent(provider: SmppSms, *messages: Message) -> list[SendResult]:
    """All at once; it is closed afterwards."""

    async def run() -> list[SendResult]:
        async with contextlib.aclosing(provider):
            return await asyncio.gather(*(provider.send(message) for message in messages))

    return asyncio.run(run())


def texting(text: str = SMS.text, **changes: str) -> Callable[[ReportingProvider], object]:
    async def send_it(provider: ReportingProvider) -> None:
        result = await provider.send(replace(SMS, text=text, **changes))
        assert result.outcome == Outcome.ACCEPTED

    return send_it


def in_thread(work: Callable[[], object]) -> Callable[[ReportingProvider], object]:
    return lambda _provider: asyncio.to_thread(work)


@pytest.mark.parametrize("form", ["udh", "sar", "payload"])
@pytest.mark.parametrize(
    ("text", "parts"),
    [(LONG, 3), (CHINESE, 2), ("[" * 153 + "{" * 10, 3), ("😀" * 60, 2)],
    ids=["latin", "chinese", "escapes", "surrogates"],
)
def test_a_long_text_arrives_as_one_message(smsc: Smsc, form: str, text: str, parts: int) -> None:
    result = send_one("smpp", {**smsc.config, "long_texts": form}, SMS, text=text)

    assert result.outcome == Outcome.ACCEPTED
    assert smsc.texts() == [("8613800000000", text)]
    assert len(smsc.parts) == (1 if form == "payload" else parts)
    assert list(result.part_ids) == [part.message_id for part in smsc.parts]
    assert result.provider_id == smsc.parts[0].message_id
    assert all(part.wants_receipt for part in smsc.parts)


def test_a_text_is_written_in_the_alphabet_that_the_smsc_reads(smsc: Smsc) -> None:
    plain, accents = "a@b_c {x} €", "à @ Ñ"

    send_one("smpp", smsc.config, SMS, text=plain)
    send_one("smpp", {**smsc.config, "alphabet": "latin1"}, SMS, text=accents)
    send_one("smpp", {**smsc.config, "alphabet": "latin1"}, SMS, text=plain)
    send_one("smpp", {**smsc.config, "alphabet": "ucs2"}, SMS, text=accents)

    contents = [(part.data_coding, part.content) for part in smsc.parts]
    assert contents == [
        (0, b"a\x00b\x11c \x1b\x28x\x1b\x29 \x1be"),
        (0, b"\xe0 @ \xd1"),
        (8, plain.encode("utf-16-be")),
        (8, accents.encode("utf-16-be")),
    ]


def test_a_text_that_is_too_long_is_cut_and_keeps_its_link(smsc: Smsc) -> None:
    send_one("smpp", {**smsc.config, "max_parts": "2"}, SMS, text=LONG + "https://tocsin.example/a/0123456789")

    [(_to, text)] = smsc.texts()
    assert len(smsc.parts) == 2
    assert text.endswith("... https://tocsin.example/a/0123456789")


@pytest.mark.parametrize(
    ("sender", "shown"),
    [("", ""), ("+862155501234", "862155501234"), ("10086", "10086"), ("TOCSIN", "TOCSIN")],
)
def test_the_sender_is_a_number_a_short_code_or_a_name(smsc: Smsc, sender: str, shown: str) -> None:
    send_one("smpp", {**smsc.config, "sender": sender}, SMS)

    assert [(part.source, part.to) for part in smsc.parts] == [(shown, "8613800000000")]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("0x0b", Outcome.PERMANENT_TARGET),
        ("0x08", Outcome.TRANSIENT),
        ("0x64", Outcome.TRANSIENT),
        ("0xff", Outcome.TRANSIENT),
        ("0x0a", Outcome.PERMANENT_CONFIG),
        ("0x45", Outcome.PERMANENT_CONFIG),
        ("0x48", Outcome.PERMANENT_CONFIG),
        ("0x66", Outcome.PERMANENT_CONFIG),
        ("0x0441", Outcome.TRANSIENT),
    ],
)
def test_every_refusal_has_its_class(smsc: Smsc, status: str, outcome: Outcome) -> None:
    smsc.answer(SMS.to, status)

    result = send_one("smpp", smsc.config, SMS)

    assert (result.outcome, result.code) == (outcome, f"0x{int(status, 16):02x}")
    assert smsc.parts == []


def test_a_text_of_which_only_the_first_part_was_taken_is_in_doubt_and_keeps_its_id(smsc: Smsc) -> None:
    smsc.answer(SMS.to, "late", "0x08")

    result = send_one("smpp", smsc.config, SMS, text=LONG)

    [taken] = smsc.parts
    assert (result.outcome, result.code, result.provider_id) == (Outcome.AMBIGUOUS, "0x08", taken.message_id)
    assert result.detail.startswith("The SMSC took 1 of 3 parts of the text: The SMSC refused the text")
    assert (result.part_ids[0], len(result.part_ids)) == (taken.message_id, 2)


def test_what_waits_for_the_window_too_long_has_not_left(smsc: Smsc) -> None:
    smsc.answer(SMS.to, "hang")
    impatient = SmppSms(settings_for(smsc, window="1", timeout="1"), done_within=1.5)

    results = sent(impatient, SMS, replace(SMS, reference="k4"))

    assert [(result.outcome, result.code) for result in results] == [
        (Outcome.AMBIGUOUS, "no-reply"),
        (Outcome.TRANSIENT, "busy"),
    ]
    assert len(smsc.parts) == 1


def test_a_host_that_no_resolver_can_be_asked_for_is_not_reached(smsc: Smsc) -> None:
    kind, config = provider_type("smpp"), {**smsc.config, "host": "smsc..example"}

    result = asyncio.run(kind.open(config, HttpClient()).send(SMS))

    assert (result.outcome, result.code) == (Outcome.TRANSIENT, "connect")
    assert set(kind.problems(config)) == {"host"}


def test_a_throttled_text_waits_and_goes_out_once(smsc: Smsc) -> None:
    smsc.throttle(0x58, 0x14)

    results = send_together("smpp", smsc.config, SMS, replace(SMS, reference="k4", text="second"))

    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 2
    assert smsc.refused == [0x58, 0x14]
    assert sorted(text for _to, text in smsc.texts()) == sorted([SMS.text, "second"])


def test_a_smsc_that_stays_throttled_is_tried_again_later(smsc: Smsc) -> None:
    smsc.throttle(*[0x58] * 50)

    [result] = sent(SmppSms(settings_for(smsc), throttled_for=0.5), SMS)

    assert (result.outcome, result.code) == (Outcome.RATE_LIMITED, "0x58")
    assert result.retry_after is not None


@pytest.mark.parametrize(
    ("change", "outcome", "words"),
    [
        ({"password": "wrong"}, Outcome.PERMANENT_CONFIG, "ESME_RINVPASWD (0x0000000e)"),
        ({"system_id": "nobody"}, Outcome.PERMANENT_CONFIG, "ESME_RINVSYSID"),
    ],
)
def test_a_connection_that_is_refused_says_why(
    smsc: Smsc, change: dict[str, str], outcome: Outcome, words: str
) -> None:
    result = send_one("smpp", {**smsc.config, **change}, SMS)

    assert result.outcome == outcome
    assert words in result.detail


def test_one_connection_too_many_is_waited_for() -> None:
    with Smsc(binds=0) as smsc:
        result = send_one("smpp", smsc.config, SMS)

    assert (result.outcome, result.code) == (Outcome.RATE_LIMITED, "0x05")
    assert "every worker holds one" in result.detail.lower()


def test_texts_go_over_tls() -> None:
    with Smsc(tls=True) as smsc:
        trusted = {**smsc.config, "security": "tls", "ca_file": smsc.ca_file}

        assert send_one("smpp", trusted, SMS).outcome == Outcome.ACCEPTED
        assert send_one("smpp", {**smsc.config, "security": "tls"}, SMS).code == "tls"
        assert smsc.texts() == [("8613800000000", SMS.text)]


def test_a_connection_that_ended_is_made_again(smsc: Smsc) -> None:
    async def run() -> list[Outcome]:
        async with opened("smpp", smsc.config) as provider:
            first = await provider.send(SMS)
            await asyncio.to_thread(smsc.disconnect)
            await asyncio.to_thread(wait_until, lambda: not smsc.bound)
            second = await provider.send(replace(SMS, text="after it"))
            return [first.outcome, second.outcome]

    assert asyncio.run(run()) == [Outcome.ACCEPTED] * 2
    assert [text for _to, text in smsc.texts()] == [SMS.text, "after it"]


def test_nobody_hears_who_sends_only(smsc: Smsc) -> None:
    send("smpp", smsc.config, SMS)

    assert smsc.binds_seen == ["transmitter"]


@pytest.mark.parametrize("hex_ids", [False, True])
@pytest.mark.parametrize("form", ["text", "tlv", "data"])
def test_a_receipt_in_every_form_names_the_text(hex_ids: bool, form: str) -> None:
    with Smsc(receipts="", hex_ids=hex_ids) as smsc:
        heard = heard_while(
            smsc.config,
            texting(),
            in_thread(lambda: smsc.report(smsc.wait_for(1)[0], "DELIVRD", form=form, times=2)),
            count=2,
        )

    kept = smsc.parts[0].message_id.lstrip("0").lower()
    parties = tuple(filter(None, (SMS.to.lstrip("+"), smsc.parts[0].source)))
    assert heard == [Receipt(ReceiptStatus.DELIVERED, provider_id=kept, code="DELIVRD", parties=parties)] * 2
    assert smsc.answered == [0, 0]
    assert smsc.binds_seen == ["transceiver"]


@pytest.mark.parametrize(
    ("word", "status", "code"),
    [
        ("DELIVRD", ReceiptStatus.DELIVERED, "DELIVRD"),
        ("UNDELIV", ReceiptStatus.FAILED, "UNDELIV 011"),
        ("EXPIRED", ReceiptStatus.FAILED, "EXPIRED 011"),
        ("REJECTD", ReceiptStatus.FAILED, "REJECTD 011"),
        ("UNKNOWN", ReceiptStatus.FAILED, "UNKNOWN 011"),
        ("ACCEPTD", ReceiptStatus.QUEUED, "ACCEPTD 011"),
    ],
)
def test_what_an_smsc_says_of_a_text_has_its_status(smsc: Smsc, word: str, status: ReceiptStatus, code: str) -> None:
    smsc.receipts = word

    [receipt] = heard_while(smsc.config, texting(), count=1)

    assert isinstance(receipt, Receipt)
    assert (receipt.status, receipt.code) == (status, code)


def test_a_receipt_that_is_faster_than_the_answer_names_the_same_text() -> None:
    with Smsc(hex_ids=True) as smsc:
        smsc.receipt_first = True
        [receipt] = heard_while(smsc.config, texting(), count=1)

    assert isinstance(receipt, Receipt)
    assert receipt.provider_id == smsc.parts[0].message_id.lstrip("0").lower()


def test_where_ids_have_two_bases_a_setting_says_so_from_the_first_receipt_on() -> None:
    with Smsc(receipts="", hex_ids=True) as smsc:
        send_one("smpp", smsc.config, SMS)  # another process, which this one does not remember
        [receipt] = heard_while(
            {**smsc.config, "message_ids": "hex_to_decimal"},
            in_thread(smsc.wait_until_bound),
            in_thread(lambda: smsc.report(smsc.parts[0])),
            count=1,
        )

    assert isinstance(receipt, Receipt)
    assert receipt.provider_id == smsc.parts[0].message_id.lstrip("0").lower()


def said(written: str, named: str = "", to: str = "8613800000000") -> SaidOfOne:
    return SaidOfOne(written, named, to, ReceiptStatus.DELIVERED, "DELIVRD")


def test_a_configured_form_is_never_left_for_an_id_that_happens_to_be_known() -> None:
    ids = MessageIds("hex_to_decimal")
    ids.answered("26", SMS.to)

    assert ids.receipted(said("26")) == ("1a",)
    assert ids.receipted(said("38", "26")) == ("26",)


def test_receipts_that_may_be_of_two_texts_have_two_readings_until_others_show_their_base() -> None:
    ids = MessageIds("auto")
    for number in range(0x10, 0x30):
        ids.answered(f"{number:x}", SMS.to)

    assert ids.receipted(said("17")) == ("17", "11", "23")  # 0x17, 0x11 or 0x23
    assert ids.receipted(said("26")) == ("26", "1a", "38")
    assert ids.receipted(said("16", to="447700900123")) == ("16", "10", "22")
    assert [ids.receipted(said(str(number))) for number in range(0x2A, 0x2E)] == [("2a",), ("2b",), ("2c",), ("2d",)]
    assert ids.receipted(said("26")) == ("1a",)


def test_a_receipt_with_both_ids_shows_the_base_by_itself() -> None:
    assert MessageIds("auto").receipted(said("1715004", "001A2B3C")) == ("1a2b3c",)


def test_ids_that_are_the_same_in_every_form_need_no_proof() -> None:
    ids = MessageIds("auto")

    assert ids.understands(said("6f1e-0001-zz"))
    assert not ids.understands(said("1715004"))
    assert ids.receipted(said("6f1e-0001-zz")) == ("6f1e-0001-zz",)


def test_a_receipt_of_a_text_that_another_process_sent_names_its_readings_and_both_numbers() -> None:
    with Smsc(receipts="", hex_ids=True) as smsc:
        send_one("smpp", {**smsc.config, "sender": "10086"}, SMS)
        [receipt] = heard_while(
            smsc.config, in_thread(smsc.wait_until_bound), in_thread(lambda: smsc.report(smsc.parts[0])), count=1
        )

    assert isinstance(receipt, Receipt)
    assert (receipt.provider_id, receipt.readings) == ("1715004", ("1715004", "1a2b3c", str(0x1715004)))
    assert receipt.parties == ("8613800000000", "10086")
    assert "8613800000000" not in repr(receipt)


def test_what_people_write_back_is_read_in_their_alphabet(smsc: Smsc) -> None:
    def write() -> None:
        smsc.wait_until_bound()
        smsc.write_back("+8613800000000", "1")
        smsc.write_back("+8613800000000", "认领", coding=8)
        smsc.write_back("+8613800000000", "id:1 stat:DELIVRD")

    heard = heard_while(smsc.config, in_thread(write), count=6)

    sender = "8613800000000"
    said = [(reply.sender, reply.text) for reply in heard if isinstance(reply, InboundText)]
    assert said == [(sender, "1"), (sender, "认领"), (sender, "id:1 stat:DELIVRD")]
    assert heard[1::2] == [Confirmed(reply.words) for reply in heard[::2] if isinstance(reply, InboundText)]
    assert len({reply.words for reply in heard if isinstance(reply, InboundText)}) == 3
    assert smsc.answered == [0, 0, 0]


def test_a_reply_that_was_never_answered_comes_again_with_the_same_id_and_a_second_one_with_its_own() -> None:
    replies, one = Replies(), ShortMessage(Address("8613800000000"), Address("10086"), content=b"1")

    first, again = replies.brought(one, 5, 0.0), replies.brought(one, 1, 60.0)
    replies.answered(one)
    same_number, second = replies.brought(one, 5, 61.0), replies.brought(one, 6, 62.0)

    assert first == again == same_number
    assert second != first
    assert replies.brought(one, 6, 700.0) not in (first, second)


def test_the_smsc_hears_that_a_receipt_was_taken_only_when_it_is_stored(smsc: Smsc) -> None:
    async def run() -> None:
        async with opened("smpp", smsc.config) as provider:
            said = provider.receipts()
            first = asyncio.ensure_future(anext(said))
            await provider.send(SMS)
            await first
            await asyncio.sleep(0.1)
            assert smsc.answered == []

            second = asyncio.ensure_future(anext(said))
            await asyncio.to_thread(wait_until, lambda: smsc.answered == [0])
            second.cancel()

    asyncio.run(run())


def test_a_connection_that_is_only_open_is_found_out_and_made_again(smsc: Smsc) -> None:
    watchful = replace(settings_for(smsc), enquires_after=0.1, timeout=0.3)

    async def run() -> None:
        async with contextlib.aclosing(SmppSms(watchful)) as provider:
            listening = asyncio.ensure_future(anext(provider.receipts()))
            await asyncio.to_thread(wait_until, lambda: smsc.enquiries >= 2)
            smsc.is_silent = True
            await asyncio.to_thread(wait_until, lambda: not smsc.bound)
            smsc.is_silent = False
            await asyncio.to_thread(wait_until, lambda: smsc.bound)
            assert not listening.done()
            listening.cancel()

    asyncio.run(run())
    assert len(smsc.binds_seen) >= 2
    assert set(smsc.binds_seen) == {"transceiver"}


def test_a_text_without_a_receipt_is_asked_for_where_the_smsc_answers(smsc: Smsc) -> None:
    smsc.receipts, smsc.takes_queries = "", True
    config = {**smsc.config, "queries": "yes"}
    taken = send_one("smpp", config, SMS)
    question = Question("k3x9", SMS.to, datetime(2026, 11, 28, tzinfo=UTC), taken.provider_id)

    found = look_up("smpp", config, question)
    unknown = look_up("smpp", config, replace(question, provider_id="999"))
    nameless = look_up("smpp", config, replace(question, provider_id=""))

    assert (found.is_known, [receipt.status for receipt in found.receipts]) == (True, [ReceiptStatus.DELIVERED])
    assert unknown.is_known is None
    assert nameless.is_known is None
    assert provider_type("smpp").capabilities_of(config).can_be_asked
    assert not provider_type("smpp").capabilities_of(smsc.config).can_be_asked


def test_smpp34s_own_server_takes_a_text_and_brings_its_receipt() -> None:
    async def run() -> list[Said]:
        server = smpp34.Server("127.0.0.1", 27751, system_id="SMSC")
        await server.start()
        config = {"host": "127.0.0.1", "port": "27751", "system_id": "tocsin", "password": "x"}

        async def serve() -> None:
            esme: smpp34.Esme | None = None
            while True:
                event = await server.next()
                if isinstance(event, smpp34.Esme):
                    esme = event
                elif isinstance(event, smpp34.SubmitSmEvent):
                    assert event.short_message.decode("utf-16-be") == "磁盘已满"
                    event.accept("77")
                    assert esme is not None
                    answer = await esme.deliver_sm(
                        event.source_addr, b"id:77 stat:DELIVRD", source_addr=event.destination_addr, esm_class=4
                    )
                    assert answer.is_success

        serving = asyncio.create_task(serve())
        try:
            async with opened("smpp", config) as provider:
                receipt = asyncio.ensure_future(anext(provider.receipts()))
                result = await provider.send(replace(SMS, text="磁盘已满"))
                assert (result.outcome, result.provider_id) == (Outcome.ACCEPTED, "77")
                async with asyncio.timeout(60):
                    return [await receipt]
        finally:
            serving.cancel()
            await server.stop()

    numbers = (SMS.to.lstrip("+"),)
    assert asyncio.run(run()) == [Receipt(ReceiptStatus.DELIVERED, provider_id="77", code="DELIVRD", parties=numbers)]


@pytest.mark.parametrize(
    ("url", "config"),
    [
        (
            "smpp://me:s%40cret@smsc.example.org:2776?sender=%2B8610086&long_texts=sar",
            {"host": "smsc.example.org", "port": "2776", "system_id": "me", "password": "s@cret",
             "sender": "+8610086", "long_texts": "sar"},
        ),
        ("smpps://me@smsc.example.org", {"host": "smsc.example.org", "system_id": "me", "security": "tls"}),
    ],
)  # fmt: skip
def test_an_account_can_be_written_as_a_url(url: str, config: dict[str, str]) -> None:
    kind = provider_type("smpp")
    assert kind.from_url is not None

    assert kind.from_url(url) == config
    assert kind.problems(config) == {}
