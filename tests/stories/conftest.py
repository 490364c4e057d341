from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.stories.harness import Story


@pytest.fixture
def story(db: None, now: datetime) -> Iterator[Story]:
    """Ends with silence: a message that nobody expected fails the test."""
    from tests.stories.harness import begin  # pytest reads this file before Django is set up

    story = begin(now)
    yield story
    story.expect_silence()
