from __future__ import annotations

import random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.labels import (
    MAX_LABEL_VALUE,
    MAX_NAME,
    MAX_PAIRS,
    annotation_errors,
    fingerprint,
    label_errors,
    printable,
    without_empty,
)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
label_sets = st.dictionaries(texts.filter(bool), texts, min_size=1, max_size=8)


def test_a_fingerprint_never_changes() -> None:
    """Stored events are found by it: another value here would make every event a new one after an upgrade."""
    assert fingerprint({"host": "db1", "alertname": "DiskFull"}) == UUID("7d62ebc5-0c56-ae1c-5b37-a2a3f68a1ccb")


@given(label_sets, st.randoms())
def test_the_order_of_labels_does_not_matter(labels: dict[str, str], chance: random.Random) -> None:
    pairs = list(labels.items())
    chance.shuffle(pairs)

    assert fingerprint(dict(pairs)) == fingerprint(labels)


@given(label_sets, label_sets)
def test_different_labels_have_different_fingerprints(one: dict[str, str], other: dict[str, str]) -> None:
    assert (fingerprint(one) == fingerprint(other)) is (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "bc"}, {"ab": "c"}),
        ({"a": "b", "c": "d"}, {"a": "b\x01c\x01d"}),
        ({"a": "1", "b": ""}, {"a": "1b"}),
        ({"a": "b" * 31}, {"a": "b" * 32}),
    ],
)
def test_the_border_between_name_and_value_counts(one: dict[str, str], other: dict[str, str]) -> None:
    assert fingerprint(one) != fingerprint(other)


@given(label_sets.filter(lambda labels: len(labels) <= MAX_PAIRS))
def test_ordinary_labels_in_any_script_can_be_stored(labels: dict[str, str]) -> None:
    assert label_errors(labels) == {}


@pytest.mark.parametrize(
    ("labels", "errors"),
    [
        ({}, {"labels": "at least one label is needed"}),
        ({"": "x"}, {"labels": "a name must not be empty"}),
        ({"a": "\0"}, {"labels.a": "holds a NUL character (U+0000); remove it"}),
        ({"a": "x\ud800"}, {"labels.a": "holds half of a surrogate pair; send valid Unicode"}),
        ({"a\0": "x"}, {"labels": "the name 'a\\x00' holds a NUL character (U+0000); remove it"}),
        ({"a\udfff": "x"}, {"labels": "the name 'a\\udfff' holds half of a surrogate pair; send valid Unicode"}),
        ({"a": "x" * (MAX_LABEL_VALUE + 1)}, {"labels.a": "has 4097 characters, at most 4096 are allowed"}),
        (
            {"n" * (MAX_NAME + 1): "x"},
            {"labels": f"the name '{'n' * 64}'... has 257 characters, at most 256 are allowed"},
        ),
        ({str(number): "x" for number in range(65)}, {"labels": "there are 65, at most 64 are allowed"}),
        ({"中": "\0", "b": "好"}, {"labels.中": "holds a NUL character (U+0000); remove it"}),
    ],
)
def test_what_cannot_be_stored_is_named(labels: dict[str, str], errors: dict[str, str]) -> None:
    assert label_errors(labels) == errors


def test_annotations_may_be_absent_and_long() -> None:
    assert annotation_errors({}) == {}
    assert annotation_errors({"description": "x" * 65_536}) == {}
    assert annotation_errors({"description": "x" * 65_537}).keys() == {"annotations.description"}


def test_an_empty_value_is_no_label() -> None:
    assert without_empty({"a": "1", "b": ""}) == {"a": "1"}
    assert without_empty({"a": "1"}) == {"a": "1"}


def test_a_refused_text_is_cut_and_escaped() -> None:
    assert printable("x\0" + "y" * 99, longest=3) == "'x\\x00y'..."
