"""`python -m demo`: runs until Ctrl-C. With `--once`, or TOCSIN_DEMO_EXIT=1, it ends after the story."""

from __future__ import annotations

import signal
import sys


def start() -> int:
    """Until the rest is loaded, a Ctrl-C simply ends the program."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from demo.run import main

    return main()


if __name__ == "__main__":
    sys.exit(start())
