"""One owner per data folder, held by the kernel, so that a killed owner never leaves it locked."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from tocsin.core.errors import ConfigurationError

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Holder:
    """`purpose` is the command: `serve`, or another one that runs the server for as long as it takes."""

    pid: int
    purpose: str


class FolderInUseError(ConfigurationError):
    """Somebody else runs the folder. `holder` says who."""

    def __init__(self, folder: Path, holder: Holder) -> None:
        self.holder = holder
        super().__init__(f"`tocsin {holder.purpose}` (process {holder.pid}) already runs on {folder}.")


class FolderLock:
    """Not inherited by the children: it ends with this process, whatever becomes of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    @property
    def is_held(self) -> bool:
        return self._file is not None

    def acquire(self, purpose: str, *, patience: float = 0) -> None:
        """FolderInUseError at once while `serve` holds it, for any other command after `patience` seconds."""
        deadline = time.monotonic() + patience
        file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        while not _try_lock(file):
            holder = _read(file)
            if holder.purpose == "serve" or time.monotonic() >= deadline:
                file.close()
                raise FolderInUseError(self._path.parent, holder)
            time.sleep(_POLL_SECONDS)
        file.seek(0)
        file.truncate()
        json.dump(asdict(Holder(os.getpid(), purpose)), file)
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(file: IO[str]) -> Holder:
    file.seek(0)
    try:
        return Holder(**json.loads(file.read()))
    except ValueError:  # between the owner's lock and its first write
        return Holder(0, "command")
