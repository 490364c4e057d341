"""Sentences of pure code are recognised where they are read."""

from __future__ import annotations

import time

from tocsin.core.sentences import Sentence, translated

_REQUIRED = Sentence("%(label)s is a test's required field.", words=("label",))
_REFUSED = Sentence("A test's gateway answered HTTP %(status)d: %(says)s")
_BARE = Sentence("A test's robot is stopped.")
_GENERAL = Sentence("%(advice)s [test %(code)s]", words=("advice",))
_ADVISED = Sentence("%(advice)s <%(platform)s: %(code)s %(says)s>", words=("advice", "platform"))
_CODED = Sentence("%(code)s~ %(detail)s", words=("detail",))
_GERMAN = {
    _CODED: "%(code)s, %(detail)s",
    _ADVISED: "%(platform)s sagt %(code)s, %(says)s. %(advice)s",
    _REQUIRED: "%(label)s wird gebraucht.",
    _REFUSED: "HTTP %(status)d vom Gateway: %(says)s",
    _BARE: "Der Roboter ist angehalten.",
    _GENERAL: "%(advice)s (%(code)s)",
    "Name": "Name des Kontos",
}


def german(text: str) -> str:
    return translated(text, lambda text: _GERMAN.get(text, text))


def test_a_sentence_without_places_is_translated_as_it_is() -> None:
    assert german(_BARE) == german(str(_BARE)) == "Der Roboter ist angehalten."


def test_a_text_that_was_stored_is_recognised_with_its_values() -> None:
    stored = str(_REFUSED % {"status": 502, "says": "100 % full\nName"})

    assert german(stored) == "HTTP 502 vom Gateway: 100 % full\nName"


def test_only_places_of_words_are_translated_in_turn() -> None:
    assert german(_REQUIRED % {"label": "Name"}) == "Name des Kontos wird gebraucht."
    assert german(_GENERAL % {"advice": _BARE, "code": "Name"}) == "Der Roboter ist angehalten. (Name)"


def test_the_more_particular_sentence_is_recognised_first() -> None:
    text = _REFUSED % {"status": 400, "says": "x [test 4]"}

    assert german(text) == "HTTP 400 vom Gateway: x [test 4]"


def test_what_is_no_sentence_of_ours_stays() -> None:
    assert [german(text) for text in ("", "Somebody else's words.", "%(label)s")] == [
        "",
        "Somebody else's words.",
        "%(label)s",
    ]


def test_a_text_that_fits_a_sentence_in_many_ways_takes_no_time() -> None:
    begun = time.monotonic()

    assert german("x <: " * 2000) == "x <: " * 2000
    assert german(f"{_BARE} <Name: 7 what\nthey: say>") == (
        "Name des Kontos sagt 7, what\nthey: say. Der Roboter ist angehalten."
    )
    assert time.monotonic() - begun < 2


def test_others_words_that_look_like_sentences_in_sentences_are_taken_apart_a_few_times() -> None:
    assert german(f"1~ 2~ {_BARE}") == "1, 2, Der Roboter ist angehalten."
    assert german("x~ " * 2000).count("~") > 1990
