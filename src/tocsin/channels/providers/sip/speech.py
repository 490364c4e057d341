"""Text to speech by espeak-ng, in the process that makes the calls."""

from __future__ import annotations

import ctypes
import re
from array import array
from collections import OrderedDict
from functools import partial
from typing import Any

from tocsin.channels.providers.sip.resampling import resampled

RATE = 8000
_VOICES = {"zh": (b"cmn", 170), "en": (b"en-us", 150)}
"""Voice and words a minute by the language's first part; others are read as English."""
_SYNCHRONOUS, _UTF8, _CHARACTERS, _RATE_PARAMETER = 2, 1, 1, 1
_KEPT = 64
_OUTER_SILENCE = 24
"""How loud a sample may be and still count as silence at the ends of a clip."""


class Speaker:
    """Not to be used from two threads at once: espeak-ng has one state."""

    def __init__(self) -> None:
        import espeakng_loader  # an extra; only this process loads it

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
        if rate <= 0:
            raise OSError("espeak-ng could not be initialised")
        self._rate = int(rate)
        self._made: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
        self._heard = bytearray()
        self._callback = kind(partial(_collect, self._heard))
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, language: str) -> bytes:
        """16-bit mono at 8 kHz, without the silence around it."""
        if (made := self._made.get((text, language))) is not None:
            self._made.move_to_end((text, language))
            return made
        voice, speed = _VOICES.get(language.partition("-")[0].lower(), _VOICES["en"])
        spoken = as_read(text, language).encode()
        self._heard.clear()
        self._library.espeak_SetVoiceByName(voice)
        self._library.espeak_SetParameter(_RATE_PARAMETER, speed, 0)
        self._library.espeak_Synth(spoken, len(spoken) + 1, 0, _CHARACTERS, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        clip = _trimmed(resampled(array("h", bytes(self._heard)), self._rate, RATE)).tobytes()
        self._made[text, language] = clip
        while len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return clip


def as_read(text: str, language: str) -> str:
    """What the voice would read wrongly, written as it is said."""
    if language.lower().startswith("zh"):
        text = re.sub(r"(\d+(?:\.\d+)?)\s*%", r"百分之\1", text)
        text = re.sub(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", " ", text)
    return re.sub(r"(?<=\d):(?=\d{2,5}\b)", " : " if language.lower().startswith("zh") else " port ", text)


def _collect(heard: bytearray, samples: Any, count: int, _events: Any) -> int:
    if samples and count > 0:
        heard += ctypes.string_at(samples, count * 2)
    return 0


def _trimmed(samples: array[int]) -> array[int]:
    loud = [place for place in range(0, len(samples), 40) if abs(samples[place]) > _OUTER_SILENCE]
    return samples[max(0, loud[0] - 400) : loud[-1] + 1600] if loud else samples
