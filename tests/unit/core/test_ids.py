"""Short names of row ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.ids import LARGEST_ID, from_base36, to_base36


@given(st.integers(0, LARGEST_ID))
def test_an_id_is_read_as_it_was_written(number: int) -> None:
    assert from_base36(to_base36(number)) == number


@pytest.mark.parametrize("text", ["", "A", "-1", "1 ", "1_0", to_base36(LARGEST_ID + 1), "z" * 13, "z" * 14, "\u0661"])
def test_what_no_row_can_have_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a base36 id"):
        from_base36(text)
