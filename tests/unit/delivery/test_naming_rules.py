"""Whose receipt it is when its id can be read in two ways."""

from __future__ import annotations

import pytest

from tocsin.delivery.rules.naming import Named, meant

ANN, BOB = "+86 138 **** 5678", "+86 138 **** 1234"
TO_ANN = ["8613800005678", "10086"]


@pytest.mark.parametrize(
    ("texts", "delivery_id"),
    [
        ([], None),
        ([Named("10", 1, ANN, waits=True)], 1),
        ([Named("10", 1, BOB, waits=True)], None),
        ([Named("10", 1, ANN, waits=True), Named("16", 2, BOB, waits=True)], 1),
        ([Named("10", 1, BOB, waits=True), Named("16", 2, ANN, waits=True)], 2),
        ([Named("10", 1, ANN, waits=True), Named("16", 2, ANN, waits=True)], None),
        ([Named("10", 1, ANN, waits=True), Named("16", 2, ANN, waits=False)], 1),
        ([Named("10", 1, ANN, waits=False), Named("16", 2, ANN, waits=False)], None),
        ([Named("10", 1, ANN, waits=False)], 1),
        ([Named("10", 1, ANN, waits=False), Named("10", 2, ANN, waits=False)], 2),
        ([Named("22", 1, ANN, waits=True)], None),
        ([Named("10", 1, "", waits=True)], None),
    ],
)
def test_the_text_that_went_to_the_recipient_is_meant(texts: list[Named], delivery_id: int | None) -> None:
    found = meant(("16", "10"), TO_ANN, texts)

    assert (found.delivery_id if found else None) == delivery_id


def test_a_receipt_that_names_no_number_settles_nothing() -> None:
    assert meant(("16", "10"), (), [Named("10", 1, ANN, waits=True)]) is None
