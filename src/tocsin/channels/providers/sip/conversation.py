"""What is said when in a call that was answered, and what its keys do. Pure: time and sound come from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tocsin.channels.base import REPEAT_KEY
from tocsin.channels.providers.sip.listening import Ear, Picked
from tocsin.channels.providers.sip.protocol import Key

MESSAGE = "message"
_WAITS_FOR_KEY = 5.0
_BETWEEN = 1.2
_CONFIRM_WITHIN = 6.0
_ROUNDS_WITH_KEYS, _ROUNDS = 3, 2
_LONGEST = 150.0


@dataclass(slots=True)
class Turn:
    """What to do now: play a clip from its beginning instead of what plays, tell of a key or a judgement, hang up."""

    play: str = ""
    """`MESSAGE`, "reply:2", "confirm:2"; "" leaves what plays."""
    judged: Picked | None = None
    pressed: str = ""
    hangs_up: bool = False


@dataclass(slots=True)
class Conversation:
    """Begins at the answer. `tick` every few milliseconds, `press` for each key; both say what to do."""

    keys: Mapping[str, Key]
    machines: str
    _ear: Ear = field(default_factory=Ear)
    _time: float = 0.0
    _rounds: int = 0
    _is_judged: bool = False
    _is_ending: bool = False
    _quiet: float = 0.0
    """Seconds since the last clip ended."""
    _asked: str = ""
    """The key that waits to be confirmed."""

    def tick(self, seconds: float, *, is_voice: bool, is_playing: bool) -> Turn:
        self._time += seconds
        if not is_playing or self._rounds == 0:
            self._ear.hear(seconds, is_voice=is_voice)
        turn = Turn()
        if self._time > _LONGEST:
            turn.hangs_up = True
            return turn
        self._judge(turn)
        if is_playing:
            self._quiet = 0.0
            return turn
        self._quiet += seconds
        if self._is_ending:
            turn.hangs_up = True
        elif self._rounds == 0:
            self._begin(turn)
        elif self._asked:
            if self._quiet >= _CONFIRM_WITHIN:
                self._asked = ""
                self._say_again(turn)
        elif self._quiet >= (_WAITS_FOR_KEY if self.keys else _BETWEEN):
            self._say_again(turn)
        return turn

    def press(self, key: str) -> Turn:
        turn = Turn()
        if self._is_ending:
            return turn
        if not self._is_judged and self._ear.picked is not Picked.MACHINE:
            self._is_judged, turn.judged = True, Picked.PERSON  # machines press nothing
        if key == REPEAT_KEY:
            self._asked = ""
            self._rounds = max(self._rounds - 1, 0)
            self._say_again(turn)
        elif (chosen := self.keys.get(key)) is not None:
            if chosen.confirm and self._asked != key:
                self._asked, turn.play = key, f"confirm:{key}"
                self._rounds = max(self._rounds, 1)
            else:
                turn.pressed, turn.play = key, f"reply:{key}"
                self._is_ending = True
            self._quiet = 0.0
        return turn

    def _judge(self, turn: Turn) -> None:
        if self._is_judged:
            return
        picked = Picked.PERSON if self.machines == "off" else self._ear.picked
        if picked is not Picked.UNKNOWN:
            self._is_judged, turn.judged = True, picked

    def _begin(self, turn: Turn) -> None:
        """After the first words of who picked up; a machine is spoken to when its greeting is over."""
        is_machine = self._ear.picked is Picked.MACHINE and self.machines != "off"
        if self._is_judged and self._time > 0.6 and (not is_machine or self._ear.may_speak_to_machine):
            self._rounds, turn.play, self._quiet = 1, MESSAGE, 0.0

    def _say_again(self, turn: Turn) -> None:
        most = _ROUNDS_WITH_KEYS if self.keys else _ROUNDS
        if self._rounds >= (1 if self._ear.picked is Picked.MACHINE and self.machines != "off" else most):
            turn.hangs_up = True
        else:
            self._rounds += 1
            turn.play, self._quiet = MESSAGE, 0.0
