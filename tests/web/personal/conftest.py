from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
import time_machine
from django.test import Client

if TYPE_CHECKING:
    from tests.stories.harness import Story
    from tests.web.personal.pages import Clock
    from tocsin.contacts.models import Contact


@pytest.fixture(autouse=True)
def clock(db: None, now: datetime) -> Iterator[Clock]:
    """Stands at the beginning of the story until the test moves it; the outbox carries what is sent."""
    from tests.web.personal.pages import Clock  # pytest reads this file before Django is set up
    from tocsin.channels.services import ensure_outbox_accounts

    ensure_outbox_accounts(now=now)
    with time_machine.travel(now, tick=False) as traveller:
        yield Clock(traveller)


@pytest.fixture
def story(clock: Clock) -> Story:
    from tests.stories.harness import begin

    return begin(clock.now)


@pytest.fixture
def browser() -> Client:
    """Keeps cookies, and is held to the check of the form's token."""
    return Client(enforce_csrf_checks=True, REMOTE_ADDR="203.0.113.9")


@pytest.fixture
def ann(story: Story) -> Contact:
    return story.contact("Ann <b>", phone="138 1234 5678", email="ann@example.org")
