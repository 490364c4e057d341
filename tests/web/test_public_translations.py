"""The Chinese of everything that people read: each message of the source has a finished translation."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.web.messages import (
    PO_FILE,
    SOURCE,
    Message,
    bare_texts_of_module,
    bare_texts_of_template,
    chinese,
    compiled,
    library_messages,
    messages_in,
    messages_of,
    texts_in_modules,
    untranslated,
    untranslated_of_libraries,
)
from tocsin.channels.registry import PROVIDERS
from tocsin.core.sentences import known_sentences

ENGLISH = (
    "cli/", "config/", "files/", "web/alertmanager/", "web/arms/", "web/operator/", "web/callbacks/",
    "channels/providers/http_sms/account.py", "channels/providers/sip/account.py", "channels/providers/smtp/account.py",
    "contacts/sheets/columns.py", "delivery/auditor.py", "delivery/rules/page.py", "web/rest/",
    "channels/providers/smpp/account.py",
    "events/dialects/alertmanager.py", "events/dialects/arms.py", "events/dialects/cloudevents.py", "web/ingest/",
    "web/shared/posts.py",
)  # fmt: skip
"""The command line, answers to programs and their description, URLs that the command line reads, headings of files,
files of configuration, a name of our own, a page of the docs."""
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


def test_what_the_installed_packages_say_has_a_translation_too() -> None:
    found = library_messages()

    assert len(found) > 800
    assert untranslated_of_libraries(found) == [], "Unfold ships none: add them to django.po, then run `make messages`."


def test_no_translation_is_left_of_what_nothing_says_any_more() -> None:
    shown = (message for path in SOURCE.rglob("*.html") for message in messages_of(path))
    said = {*texts_in_modules(), *(message.text for _where, message in library_messages())}
    said |= {message.text for message in shown}

    ids = [entry.id if isinstance(entry.id, str) else entry.id[0] for entry in chinese() if entry.id]
    assert [text for text in ids if text not in said] == [], "Take them out of django.po, then run `make messages`."


def test_no_template_shows_words_of_one_language() -> None:
    found = {_where(path): bare_texts_of_template(path) for path in SOURCE.rglob("*.html")}

    bare = {name: texts for name, texts in found.items() if texts}
    assert bare == {"web/console/templates/console/alone.html": ["| Tocsin"]}, "Use {% translate %}"


def test_no_module_shows_words_of_one_language() -> None:
    modules = [path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts]

    found = {_where(path): bare_texts_of_module(path) for path in modules if not _where(path).startswith(ENGLISH)}

    advice = 'Use _("...") where Django is known, and Sentence("...") of core/sentences.py in pure code'
    assert {name: texts for name, texts in found.items() if texts} == {}, advice


def _where(path: Path) -> str:
    return str(path.relative_to(SOURCE))


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


def test_the_pages_know_every_sentence_that_rules_providers_and_the_worker_say() -> None:
    """In a process of its own: in this one everything is imported already."""
    written = {
        call.args[0].value
        for path in SOURCE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Sentence"
        if call.args and isinstance(call.args[0], ast.Constant)
    }
    program = (
        "import django, json; django.setup(); import tocsin.config.urls; "
        "from tocsin.core.sentences import known_sentences; print(json.dumps(known_sentences()))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], check=True, capture_output=True, text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tocsin.config.settings"},
    )  # fmt: skip

    assert written - set(json.loads(run.stdout.splitlines()[-1])) == set()
