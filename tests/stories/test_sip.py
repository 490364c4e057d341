"""Calls over SIP to a real telephone on this machine, from the event to what a pressed key does."""

from __future__ import annotations

import pytest

from simulators.softphone import Softphone
from tests.stories.harness import Story
from tocsin.channels.services import try_account


def test_a_telephone_rings_is_answered_and_key_one_claims(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone"]})
    with Softphone(presses="1") as phone:
        story.account("sip", server=f"127.0.0.1:{phone.port}", register="no", dial=phone.address)

        story.fires("DiskFull", instance="db1", summary="/var is at 97 %")
        story.passes(5)
        heard = phone.call()

    call = story.expect_call(ann, "Disk Full, instance db1", "/var is at 97 %", "Press 1 to claim it.")
    assert (call.delivery.state, call.delivery.pressed_key) == ("delivered", "1")
    assert (story.alert().state, story.alert().claimed_by) == ("handling", "Ann")
    assert "Ann claimed it by pressing a key" in [entry.title for entry in story.timeline()]
    assert heard.loudness > 500, "the person heard nothing"
    assert heard.seconds > 1


@pytest.mark.thorough
def test_a_test_of_the_account_says_how_the_call_went(story: Story) -> None:
    with Softphone() as phone:
        account = story.account("sip", server=f"127.0.0.1:{phone.port}", register="no", dial=phone.address)

        result = try_account(account=account, to="+8613800000000")

    assert (result.outcome, result.detail) == ("accepted", "A person answered.")
