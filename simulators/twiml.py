"""TwiML as Twilio reads it: what is said, and where a key goes. What Twilio would refuse is a ValueError."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree import ElementTree

_LONGEST = 4000
_LANGUAGES = ("en-US", "en-GB", "zh-CN", "zh-TW")


@dataclass
class Document:
    """`said` in order; `action` of the Gather that hears keys, "" when none does."""

    said: list[str] = field(default_factory=list)
    language: str = ""
    action: str = ""
    hangs_up: bool = False

    @property
    def text(self) -> str:
        return " ".join(self.said)


def read(source: str, *, is_inline: bool = False) -> Document:
    if is_inline and len(source) > _LONGEST:
        raise ValueError("more than 4000 characters")
    try:
        root = ElementTree.fromstring(source)  # noqa: S314 (what Tocsin wrote, in tests)
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from None
    if root.tag != "Response":
        raise ValueError("the root is not Response")
    document = Document()
    for verb in root:
        _do(verb, document)
    return document


def _do(verb: ElementTree.Element, document: Document) -> None:
    match verb.tag:
        case "Say":
            if not (verb.text or "").strip() or verb.get("language", "en-US") not in _LANGUAGES:
                raise ValueError("Say has no text, or a language that Twilio does not speak")
            document.said.append(verb.text or "")
            document.language = verb.get("language", "en-US")
        case "Gather":
            if verb.get("input", "dtmf") != "dtmf" or not verb.get("action", "").startswith(("http://", "https://")):
                raise ValueError("Gather takes keys and posts them to an absolute address")
            document.action = document.action or verb.get("action", "")
            for inner in verb:
                if inner.tag not in ("Say", "Pause"):
                    raise ValueError(f"{inner.tag} may not stand in Gather")
                _do(inner, document)
        case "Pause":
            pass
        case "Hangup":
            document.hangs_up = True
        case _:
            raise ValueError(f"{verb.tag} is no verb")
