"""How many messages of one channel a worker takes at once."""

from __future__ import annotations

from tocsin.delivery.rules.windows import LARGEST, SMALLEST, Window


def drained(seconds: float, rounds: int) -> Window:
    """Filled, half of it sent within so many seconds, filled again..."""
    window, at = Window(), 0.0
    window.take(window.room(), at)
    for _ in range(rounds):
        window.give_back(window.held - window.size // 2)
        at += seconds
        window.take(window.room(), at)
    return window


def test_a_fast_channel_gets_more_at_once() -> None:
    assert [drained(0.1, rounds).size for rounds in range(6)] == [16, 32, 64, 128, 256, LARGEST]


def test_a_steady_channel_keeps_what_it_has() -> None:
    assert drained(1.0, 20).size == SMALLEST


def test_a_channel_that_becomes_slow_gets_less() -> None:
    window = drained(0.1, 4)

    window.give_back(window.held)
    window.take(window.room(), 5.0)

    assert window.size == 128


def test_nothing_is_taken_before_half_is_sent() -> None:
    window = Window()
    window.take(16, 0.0)

    window.give_back(7)
    assert window.room() == 0

    window.give_back(1)
    assert window.room() == 8


def test_few_messages_say_nothing_about_speed() -> None:
    window = Window()
    for second in range(10):
        window.take(1, second * 0.1)
        window.give_back(1)

    assert (window.size, window.held) == (SMALLEST, 0)
