"""`tocsin outbox`: what would have been sent, and a simulated phone."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number

from tocsin.channels.base import Receipt, ReceiptStatus
from tocsin.channels.kinds import Channel
from tocsin.channels.queries import kind_of
from tocsin.cli.shared import Json, say, show
from tocsin.core.clock import utc_now
from tocsin.core.errors import ConflictError, NotFoundError
from tocsin.core.ids import to_base36
from tocsin.delivery.models import Delivery
from tocsin.delivery.queries import OutboxMessage, outbox_messages
from tocsin.delivery.services import record_receipts

app = App(name="outbox", help="What would have been sent, and a simulated phone.")

Id = Annotated[int, Parameter(help="The call's number, as `tocsin outbox` lists it.")]


@app.default
def show_all(
    *,
    limit: Annotated[int, Parameter(help="How many, newest first.", validator=Number(gte=1, lte=10_000))] = 50,
    json: Json = False,
) -> None:
    """Messages that no real account carries, newest first. Links and codes of verifications are shown to you alone:
    they are made anew for this list and stored nowhere.
    """
    columns = {"id": "id", "at": "at", "channel": "channel", "to": "to", "state": "state", "text": "text"}
    show([_as_json(message) for message in outbox_messages(limit)], as_json=json, columns=columns)


@app.command
def answer(call: Id, /) -> None:
    """Picks the phone up, and presses nothing."""
    _end(call, (ReceiptStatus.ANSWERED, ""))


@app.command
def press(call: Id, /, *, key: Annotated[str, Parameter(help="0 to 9, * or #.")] = "1") -> None:
    """Picks the phone up and presses a key; 1 claims the alert."""
    if key not in tuple("0123456789*#"):
        raise ConflictError("A phone has the keys 0 to 9, * and #.")
    _end(call, (ReceiptStatus.ANSWERED, ""), (ReceiptStatus.KEY_PRESSED, key))


@app.command
def refuse(call: Id, /) -> None:
    """Rejects the call."""
    _end(call, (ReceiptStatus.REJECTED, ""))


@app.command
def ring(call: Id, /) -> None:
    """Lets the phone ring until the caller gives up."""
    _end(call, (ReceiptStatus.NO_ANSWER, ""))


def _end(delivery_id: int, *ends: tuple[ReceiptStatus, str]) -> None:
    """Told to delivery as a vendor's receipts would be."""
    delivery = Delivery.objects.select_related("account").filter(pk=delivery_id).first()
    if delivery is None or delivery.account is None:
        raise NotFoundError(f"There is no call {delivery_id}; `tocsin outbox` lists those there are.")
    if delivery.channel != Channel.PHONE or not kind_of(delivery.account).capabilities.is_simulated:
        raise ConflictError(f"{delivery_id} is not a call of the simulated phone.")
    if delivery.deadline_at is None:
        raise ConflictError(f"The phone of {delivery.recipient_name} does not ring (any more).")
    now = utc_now()
    receipts = [Receipt(status, reference=to_base36(delivery.pk), key=key, occurred_at=now) for status, key in ends]
    record_receipts(account=delivery.account, receipts=receipts, now=now)
    delivery.refresh_from_db()
    said = ", ".join(filter(None, [delivery.state, delivery.reason.replace("_", " ")]))
    say(f"{delivery.recipient_name}: {said}.")


def _as_json(message: OutboxMessage) -> dict[str, Any]:
    delivery = message.delivery
    at = delivery.accepted_at or delivery.started_at or delivery.planned_at
    return {
        "id": delivery.pk,
        "at": at,
        "channel": delivery.channel,
        "to": delivery.recipient_name,
        "address": delivery.address_masked,
        "purpose": delivery.purpose,
        "state": "ringing" if message.is_ringing else delivery.state,
        "reason": delivery.reason,
        "account": message.account.name,
        "text": message.text,
    }
