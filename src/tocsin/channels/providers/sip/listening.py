"""Who picked up: a person says a word and waits, a machine talks on. Pure, and wrong at times: docs/recipes/sip.md."""

from __future__ import annotations

from enum import Enum

_UNBROKEN = 3.5
"""Seconds of speech without a pause that no person who picks up goes on for."""
_PAUSE = 0.5
"""A silence this long ends a stretch of speech."""
_WAITS = 0.9
"""Whoever spoke and is then silent this long waits for us."""
_SAYS_NOTHING = 1.5
"""Whoever says nothing this long after the answer is spoken to."""
_BEEP_FOLLOWS = 1.5
"""A machine that is silent this long has said its greeting."""
_LONGEST_GREETING = 30.0
VOICE = 350
"""Root mean square of a frame, of 32768, from which it counts as voice."""


class Picked(Enum):
    UNKNOWN = "unknown"
    PERSON = "person"
    MACHINE = "machine"


class Ear:
    """Told frame by frame what is heard from the moment of the answer."""

    def __init__(self) -> None:
        self.picked = Picked.UNKNOWN
        self._time = self._stretch = self._silence = 0.0
        self._has_spoken = False

    @property
    def may_speak_to_machine(self) -> bool:
        """Its greeting is over."""
        return self._silence >= _BEEP_FOLLOWS or self._time >= _LONGEST_GREETING

    def hear(self, seconds: float, *, is_voice: bool) -> None:
        self._time += seconds
        if is_voice:
            self._has_spoken = True
            self._silence = 0.0
            self._stretch += seconds
        else:
            self._silence += seconds
            if self._silence < _PAUSE and self._stretch:
                self._stretch += seconds
            else:
                self._stretch = 0.0
        if self.picked is not Picked.UNKNOWN:
            return
        if self._stretch >= _UNBROKEN:
            self.picked = Picked.MACHINE
        elif self._silence >= (_WAITS if self._has_spoken else _SAYS_NOTHING):
            self.picked = Picked.PERSON
