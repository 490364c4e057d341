"""What follows a try to change a message that was posted."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tocsin.channels.base import Outcome, SendResult
from tocsin.delivery.rules.updating import AfterUpdate, after_update

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("outcome", "following"),
    [
        (Outcome.ACCEPTED, AfterUpdate(is_shown=True)),
        (Outcome.PERMANENT_TARGET, AfterUpdate(is_shown=False, is_over=True)),
        (Outcome.PERMANENT_CONFIG, AfterUpdate(is_shown=False)),
    ],
)
def test_only_a_message_that_is_gone_is_never_changed_again(outcome: Outcome, following: AfterUpdate) -> None:
    assert after_update(SendResult(outcome, "x", "x"), tries=1, now=NOW, random=lambda: 0.5) == following
