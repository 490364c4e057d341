"""What a call says, in Twilio's words. https://www.twilio.com/docs/voice/twiml"""

from __future__ import annotations

from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from tocsin.channels.base import CallKey, Message, Script
from tocsin.channels.groups import longest_that_fits
from tocsin.channels.texts import one_line

LONGEST = 4000
"""Characters of a document that comes with the request."""
_WAITS = 6
"""Seconds for a key; then the message is said once more."""
_LANGUAGES = {"zh": "zh-CN", "en": "en-US"}
_NO_XML = str.maketrans({"\ufffe": " ", "\uffff": " "})


def announcement(message: Message) -> str:
    """The whole call: the message twice, with keys where they can be heard, cut so that Twilio takes it."""
    script = Script(message.text or message.subject, message.language, message.keys)
    action = with_query(message.receipt_url, reference=message.reference)
    return told(script, action if message.receipt_url else "")


def told(script: Script, action: str) -> str:
    """`action` is where Twilio posts the key; "" hears none."""
    text = longest_that_fits(_sayable(script.text), lambda begin: len(_told(script, begin, action)) <= LONGEST)
    return _told(script, text, action)


def asked_again(script: Script, key: CallKey, action: str) -> str:
    """`action` takes the key that confirms."""
    question = _gather(_say(script.language, _sayable(key.confirm)), action)
    return _response(question, question)


def answered(script: Script, key: CallKey) -> str:
    return _response(_say(script.language, _sayable(key.reply)), "<Hangup/>")


def hung_up() -> str:
    return _response("<Hangup/>")


def with_query(url: str, **query: str) -> str:
    return f"{url}?{urlencode(query)}"


def _told(script: Script, text: str, action: str) -> str:
    said = _say(script.language, text)
    if not action or not script.keys:
        return _response(said, '<Pause length="1"/>', said)
    return _response(_gather(said, action), _gather(said, action))


def _gather(inside: str, action: str) -> str:
    where = quoteattr(action)
    return f'<Gather input="dtmf" numDigits="1" timeout="{_WAITS}" method="POST" action={where}>{inside}</Gather>'


def _say(language: str, text: str) -> str:
    return f'<Say language="{_LANGUAGES.get(language[:2], "en-US")}">{escape(text) or "."}</Say>'


def _sayable(text: str) -> str:
    return one_line(text.encode("utf-8", "replace").decode().translate(_NO_XML))


def _response(*verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{"".join(verbs)}</Response>'
