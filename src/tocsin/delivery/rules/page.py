"""docs/delivery-states.md, made from the tables: `python -m tocsin.delivery.rules.page`."""

from __future__ import annotations

import sys

from tocsin.alerts.rules import AlertState
from tocsin.channels.base import Outcome, ReceiptStatus
from tocsin.delivery.rules.sending import (
    CALL_AGAIN_AFTER,
    CALLS_MERGE_WITHIN,
    MAX_AMBIGUOUS_TRIES,
    MAX_CALL_TRIES,
    MAX_HELD_CALL,
    MAX_MAIL_TRIES,
    MAX_TRIES,
    SEND_TABLE,
    after_receipt,
)
from tocsin.delivery.rules.states import LEGAL_MOVES, REASON_TEXTS, Cause, DeliveryState

_MEANINGS = {
    DeliveryState.PLANNED: "waits for its moment, the first or a later try",
    DeliveryState.HELD: "a limit is closed; it goes out, alone or merged, when the limit opens",
    DeliveryState.SENDING: "committed before the provider is called",
    DeliveryState.ACCEPTED: "the provider took it; a receipt may follow",
    DeliveryState.DELIVERED: "proved: a receipt, an answered call, or a robot's good reply",
    DeliveryState.FAILED: "did not reach its recipient; for a call, the fallback follows",
    DeliveryState.AMBIGUOUS: "it may or may not have gone out: the request left and no reply was recorded",
    DeliveryState.SKIPPED: "not sent, for the reason given",
    DeliveryState.MERGED: "another message stands for it",
    DeliveryState.CANCELLED: "not sent, as its recipient is gone or a newer message took its place",
}

_OUTCOMES = {
    Outcome.ACCEPTED: "accepted, or delivered where the provider's reply is the proof",
    Outcome.RATE_LIMITED: "held for as long as the vendor says; the lane is closed for all. Where that is a minute and "
    "more, another account carries it; a call without one has failed",
    Outcome.TRANSIENT: "tried again with growing pauses; from the second time on another account",
    Outcome.PERMANENT_TARGET: "failed: another account would not help",
    Outcome.PERMANENT_CONFIG: "the next account at once; failed when there is none",
    Outcome.AMBIGUOUS: "ambiguous; an alert's message is sent once more, a verification is not; a call waits for its "
    "receipt",
}


def page() -> str:
    """The whole page, as Markdown."""
    lines = [
        "# What becomes of a message",
        "",
        "Made from the code by `python -m tocsin.delivery.rules.page`; a test keeps the two equal.",
        "",
        "## States",
        "",
        "| state | meaning | may become |",
        "|---|---|---|",
    ]
    lines += [
        f"| {state.value} | {_MEANINGS[state]} | {', '.join(sorted(moves)) or 'nothing: it has ended'} |"
        for state, moves in LEGAL_MOVES.items()
    ]
    lines += [
        "",
        "## Before each send: cause and state of the alert",
        "",
        "A message was planned for a cause. At the moment of sending the alert may have moved on:",
        "",
        "| cause | " + " | ".join(state.value for state in AlertState) + " |",
        "|---|" + "---|" * len(AlertState),
    ]
    for cause in Cause:
        cells = [SEND_TABLE[cause, state] for state in AlertState]
        lines.append(f"| {cause.value} | " + " | ".join(cell.value if cell else "**send**" for cell in cells) + " |")
    lines += [
        "",
        "A recovery is told only to whom the firing was told (`firing_never_sent`). A step of an escalation that "
        "waits for the resolution, or that somebody asked for, goes out although the alert is claimed. What is due "
        "of a muted alert waits until the mute ends (`muted`). What the policy itself waits to tell is planned again "
        "then, as when its hours begin; what else waited goes through this table. Of one whose policy is disabled or "
        "in shadow by then, or gone, nothing goes out (`policy_disabled`). What was merged into a message that does "
        "not go out now is planned again.",
        "",
        "## After an attempt",
        "",
        "| outcome | what follows |",
        "|---|---|",
    ]
    lines += [f"| {outcome.value} | {text} |" for outcome, text in _OUTCOMES.items()]
    lines += [
        "",
        f"At most {MAX_TRIES} tries, {MAX_MAIL_TRIES} in an hour for mail, {MAX_CALL_TRIES} for a call, "
        f"{MAX_AMBIGUOUS_TRIES} while ambiguous (unless the "
        f"receiver drops second copies). A call that a limit holds for {int(MAX_HELD_CALL.total_seconds())} s has "
        f"failed. *Call again* follows {int(CALL_AGAIN_AFTER.total_seconds())} s after the failure. Calls to one "
        f"person due within {int(CALLS_MERGE_WITHIN.total_seconds())} s are one call.",
        "",
        "## After a receipt",
        "",
        "States only move forward: a receipt that is late, doubled or out of order is kept and changes nothing.",
        "",
        "| receipt | an accepted message becomes |",
        "|---|---|",
    ]
    for status in ReceiptStatus:
        move = after_receipt(DeliveryState.ACCEPTED, status)
        text = "stays accepted" if move is None else move[0].value + (f" ({move[1].value})" if move[1] else "")
        lines.append(f"| {status.value} | {text} |")
    lines += ["", "## Reasons", "", "| reason | meaning |", "|---|---|"]
    lines += [f"| {reason.value} | {text} |" for reason, text in REASON_TEXTS.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
