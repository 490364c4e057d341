"""The pages that contacts open themselves: the proof of a number at `/v/`, and their own page at `/c/`."""
