"""What an SMSC brings: receipts, in words and in parameters, and what people wrote back."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from tocsin.channels.base import ReceiptStatus
from tocsin.channels.providers.smpp.outcomes import STATES, WORDS
from tocsin.channels.providers.smpp.pdu import ShortMessage, Tag
from tocsin.channels.texts import one_line

_KIND = 0x3C
_IS_RECEIPT, _IS_PROGRESS = 0x04, 0x20
_FIELDS = re.compile(r"(?i)\b(id|stat|err):\s*(\S*)")
"""What else there is: dates in a zone that nobody names, and the text's beginning."""
_REMEMBERED = 20_000
_LONG = 8
"""Digits from which on an id that was given in one base is no other message's in the other."""
_SHOWN_BY = 3
"""Receipts that agree on the base, and none that does not."""
_LONGEST_NUMBER = 20
_SAME_END = 7
"""Digits by which numbers are compared: with and without the country's code."""


def is_receipt(message: ShortMessage) -> bool:
    """By what only an SMSC can set: a text that reads like one may be anybody's."""
    return message.esm_class & _KIND in (_IS_RECEIPT, _IS_PROGRESS) or Tag.RECEIPTED_MESSAGE_ID in message.tlvs


@dataclass(frozen=True, slots=True)
class Said:
    """A receipt as it stands there, with the message's id in its text and as its parameter, "" where there is none.
    `to`: whom the message went to, as the SMSC writes it; `other`: the other number, since not every SMSC turns them.
    """

    written: str
    named: str
    to: str
    status: ReceiptStatus
    code: str
    other: str = ""

    @property
    def parties(self) -> tuple[str, ...]:
        """Digits alone."""
        digits = (re.sub(r"\D", "", number)[-_LONGEST_NUMBER:] for number in (self.to, self.other))
        return tuple(dict.fromkeys(filter(None, digits)))


def read_receipt(message: ShortMessage) -> Said | None:
    """None for one that names no message, or says nothing of it that we know."""
    text = message.content.decode("latin-1")
    words = {name.lower(): value for name, value in reversed(_FIELDS.findall(text.partition("text:")[0]))}
    named = message.tlvs.get(Tag.RECEIPTED_MESSAGE_ID, b"").split(b"\0", 1)[0].decode("latin-1").strip()
    written = words.get("id", "")
    told = message.tlvs.get(Tag.MESSAGE_STATE, b"")
    state = told[0] if told else WORDS.get(words.get("stat", "").upper()[:7], 0)
    status = STATES.get(state)
    if not (written or named) or status is None:
        return None
    if message.esm_class & _KIND == _IS_PROGRESS and status is ReceiptStatus.FAILED:
        status = ReceiptStatus.QUEUED  # not the last word
    word = next(word for word, number in WORDS.items() if number == state)
    error = words.get("err", "") or message.tlvs.get(Tag.NETWORK_ERROR_CODE, b"").hex()
    code = f"{word} {error}".strip() if error.strip("0") else word
    numbers = message.source.number, message.destination.number
    return Said(written, named, numbers[0], status, one_line(code)[:64], numbers[1])


def plain(message_id: str) -> str:
    """One form for ids that differ in case, leading zeros and blanks only."""
    bare = message_id.strip().lower()
    return bare.lstrip("0") or bare[:1]


def to_decimal(message_id: str) -> str:
    bare = plain(message_id)
    return str(int(bare, 16)) if re.fullmatch(r"[0-9a-f]{1,32}", bare) else bare


def to_hex(message_id: str) -> str:
    bare = plain(message_id)
    return f"{int(bare):x}" if re.fullmatch(r"[0-9]{1,38}", bare) else bare


_FORMS: Mapping[str, Callable[[str], str]] = {
    "same": plain,
    "hex_to_decimal": to_hex,
    "decimal_to_hex": to_decimal,
}
"""`message_ids` -> what makes a receipt's id an answer's."""


@dataclass(slots=True)
class MessageIds:
    """Ids of answers and receipts in one form. `how`: "auto", "same", "hex_to_decimal" or "decimal_to_hex".

    With "auto", receipts show which base they have: those that can mean only one of the texts lately sent to that
    number. What this process cannot tell has several readings, and whoever knows all texts settles them.
    """

    how: str
    _answered: OrderedDict[str, tuple[str, str]] = field(default_factory=OrderedDict)
    """Kept id -> as the SMSC wrote it, and whom that text was to."""
    _form: Callable[[str], str] | None = None
    """How a receipt's id becomes an answer's; None until it is known."""
    _shown: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._form = _FORMS.get(self.how)

    def understands(self, said: Said) -> bool:
        """Whether what this names does not depend on the answers heard so far."""
        return self._form is not None or len(_readings(said.written or said.named)) == 1

    def answered(self, message_id: str, to: str) -> str:
        """Of a submit_sm_resp, as it is kept."""
        kept = plain(message_id)
        self._answered[kept] = message_id, to
        if len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)
        return kept

    def receipted(self, said: Said) -> tuple[str, ...]:
        """Of a receipt, in the form of the answer: where that cannot be told every reading, as it stands first."""
        if not said.written:  # a parameter is the answer's id, where the SMSC keeps to the rules
            forms = _FORMS.values() if self._form is None else (plain, self._form)
            return self._settled(dict.fromkeys(form(said.named) for form in forms), said.to)
        if self._form is not None:
            return (self._form(said.written),)
        readings = _readings(said.written)
        is_shown = plain(said.named) in readings and plain(said.named) != plain(said.written)  # in both bases at once
        found = (plain(said.named),) if is_shown else self._settled(readings, said.to)
        if (is_shown or found[0] in self._answered) and len(found) == 1 and len(how := readings[found[0]]) == 1:
            self._learn(how[0])
        return found

    def as_written(self, kept: str) -> str:
        """For a question: the SMSC's own spelling, where this process heard it."""
        return self._answered.get(kept, (kept, ""))[0]

    def _settled(self, readings: Collection[str], to: str) -> tuple[str, ...]:
        """The one that was answered; all when none was by this process, as before a restart or by another's, or when
        several may be it.
        """
        known = [kept for kept in readings if kept in self._answered]
        theirs = [kept for kept in known if _is_same_number(self._answered[kept][1], to)]
        is_long = len(next(iter(readings))) >= _LONG
        found = theirs or (known if is_long else [])
        return tuple(found if len(found) == 1 else readings)

    def _learn(self, how: str) -> None:
        self._shown[how] += 1
        if len(self._shown) == 1 and self._shown[how] >= _SHOWN_BY:
            self._form = _FORMS[how]


def _readings(message_id: str) -> dict[str, list[str]]:
    """What a receipt's id may be in the form of the answer -> by which forms."""
    found: dict[str, list[str]] = {}
    for how, form in _FORMS.items():
        found.setdefault(form(message_id), []).append(how)
    return found


def _is_same_number(one: str, other: str) -> bool:
    one, other = (re.sub(r"\D", "", number)[-_SAME_END:] for number in (one, other))
    return bool(one) and one == other
