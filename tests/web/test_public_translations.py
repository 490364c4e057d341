"""The Chinese of everything that people read: each message of the source has a finished translation."""

from __future__ import annotations

import re

from tests.web.messages import PO_FILE, Message, chinese, compiled, messages_in, untranslated
from tocsin.channels.registry import PROVIDERS
from tocsin.core.sentences import known_sentences

_PLACE = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def test_the_compiled_file_is_up_to_date() -> None:
    assert PO_FILE.with_suffix(".mo").read_bytes() == compiled(chinese()), "Run `make messages`."


def test_every_message_has_a_finished_translation() -> None:
    found = list(messages_in("."))
    for kind in PROVIDERS.values():
        shown = [kind.title, *(text for field in kind.fields for text in (field.label, field.help))]
        found += [(f"channels/providers/{kind.name}", Message(text)) for text in shown if not _is_made(text)]

    assert len(found) > 800
    assert untranslated(found) == [], "Add them to locale/zh_Hans/LC_MESSAGES/django.po, then run `make messages`."


def _is_made(text: str) -> bool:
    """Empty, or of a sentence with values, which is among the messages itself."""
    return not text or any(sentence.values_in(text) for sentence in known_sentences())


def test_translations_have_the_places_of_their_originals() -> None:
    wrong = []
    for entry in chinese():
        originals = [entry.id] if isinstance(entry.id, str) else entry.id
        translations = [entry.string] if isinstance(entry.string, str) else entry.string
        places = [sorted(set(_PLACE.findall(text))) for text in [originals[-1], *translations]]
        if entry.id and any(found != places[0] for found in places):
            wrong.append(entry.id)

    assert wrong == []


def test_no_text_is_there_twice() -> None:
    ids = re.findall(r'^((?:msgctxt ".+"\n)?msgid ".+")$', PO_FILE.read_text(), re.MULTILINE)

    assert sorted({text for text in ids if ids.count(text) > 1}) == []
