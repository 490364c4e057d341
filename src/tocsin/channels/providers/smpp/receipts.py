"""What an SMSC brings: receipts, in words and in parameters, and what people wrote back."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
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


def is_receipt(message: ShortMessage) -> bool:
    """By what only an SMSC can set: a text that reads like one may be anybody's."""
    return message.esm_class & _KIND in (_IS_RECEIPT, _IS_PROGRESS) or Tag.RECEIPTED_MESSAGE_ID in message.tlvs


@dataclass(frozen=True, slots=True)
class Said:
    """A receipt as it stands there. `ids`: the message's, the more trustworthy first."""

    ids: tuple[str, ...]
    status: ReceiptStatus
    code: str


def read_receipt(message: ShortMessage) -> Said | None:
    """None for one that names no message, or says nothing of it that we know."""
    text = message.content.decode("latin-1")
    words = {name.lower(): value for name, value in reversed(_FIELDS.findall(text.partition("text:")[0]))}
    named = message.tlvs.get(Tag.RECEIPTED_MESSAGE_ID, b"").split(b"\0", 1)[0].decode("latin-1").strip()
    ids = tuple(dict.fromkeys(filter(None, (named, words.get("id", "")))))
    told = message.tlvs.get(Tag.MESSAGE_STATE, b"")
    state = told[0] if told else WORDS.get(words.get("stat", "").upper()[:7], 0)
    status = STATES.get(state)
    if not ids or status is None:
        return None
    if message.esm_class & _KIND == _IS_PROGRESS and status is ReceiptStatus.FAILED:
        status = ReceiptStatus.QUEUED  # not the last word
    word = next(word for word, number in WORDS.items() if number == state)
    error = words.get("err", "") or message.tlvs.get(Tag.NETWORK_ERROR_CODE, b"").hex()
    code = f"{word} {error}".strip() if error.strip("0") else word
    return Said(ids, status, one_line(code)[:64])


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

    With "auto", a receipt whose id is one of those lately answered, as it is or in the other base, shows which base
    receipts have. Until then they are taken as they are.
    """

    how: str
    _answered: OrderedDict[str, str] = field(default_factory=OrderedDict)
    """Kept id -> as the SMSC wrote it."""
    _form: Callable[[str], str] | None = None
    """How a receipt's id becomes an answer's; None until it is known."""

    def __post_init__(self) -> None:
        self._form = _FORMS.get(self.how)

    @property
    def are_understood(self) -> bool:
        return self._form is not None

    def answered(self, message_id: str) -> str:
        """Of a submit_sm_resp, as it is kept."""
        kept = plain(message_id)
        self._answered[kept] = message_id
        if len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)
        return kept

    def receipted(self, ids: Sequence[str]) -> str:
        """Of a receipt, in the form of the answer."""
        if self._form is None:
            found = {(form, form(item)) for item in ids for form in _FORMS.values() if form(item) in self._answered}
            if len({kept for _form, kept in found}) == 1:
                form, kept = next(iter(found))
                if len(found) == 1:
                    self._form = form
                return kept
        form = self._form or plain
        candidates = [made(item) for made in (form, plain) for item in ids]  # a parameter may have the answer's base
        return next((kept for kept in candidates if kept in self._answered), candidates[0])

    def as_written(self, kept: str) -> str:
        """For a question: the SMSC's own spelling, where this process heard it."""
        return self._answered.get(kept, kept)
