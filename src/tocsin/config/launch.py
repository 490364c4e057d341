"""Becomes another program, as another user, that the kernel ends when its parent does.

A program of its own, run by its path: between fork and exec nothing of ours may run in a process with threads.
Arguments: the parent's process id, the signal, the user id, the group id, then the program's path and its arguments.
The last wish works on Linux; elsewhere whoever starts the program next must end it.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, number, uid, gid = (int(word) for word in sys.argv[1:5])
    command = sys.argv[5:]
    if os.geteuid() != uid:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it ended before the kernel was asked
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 (no shell is wanted)


if __name__ == "__main__":
    main()
