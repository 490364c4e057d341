from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
import time_machine

if TYPE_CHECKING:
    from tests.stories.harness import Story


@pytest.fixture
def story(db: None, now: datetime) -> Iterator[Story]:
    """The doors' clock stands at the beginning of the story."""
    from tests.stories.harness import begin  # pytest reads this file before Django is set up

    with time_machine.travel(now, tick=False):
        yield begin(now)
