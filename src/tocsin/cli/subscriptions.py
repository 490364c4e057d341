"""`tocsin subscription`: webhooks that hear what happens to alerts."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from tocsin.cli.shared import Json, say, show, show_json
from tocsin.contacts.models import Webhook
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.delivery.lifecycle import change_subscription, subscribe, try_subscription, unsubscribe
from tocsin.delivery.lifecycle_models import LifecycleNotice, LifecycleSubscription
from tocsin.delivery.rules.lifecycle import LifecycleKind, NoticeState, SubscriptionState, is_taken

app = App(name="subscription", help="Webhooks that hear of an alert's life: list, create, pause, notices, test.")

_Name = Annotated[str, Parameter(help="The webhook's name.")]
_Kinds = Annotated[
    list[str] | None,
    Parameter(name="--kind", negative="", help=f"Several, or all without it: {', '.join(LifecycleKind)}."),
]


@app.command(name="list")
def list_all(*, json: Json = False) -> None:
    """All of them, with how many notices wait and what the receiver said last."""
    rows = LifecycleSubscription.objects.select_related("webhook").order_by("webhook__name")
    shown = [_as_json(row) for row in rows]
    columns = {"webhook": "webhook", "state": "state", "waiting": "waiting", "last_answer": "last answer"}
    show(shown, as_json=json, columns=columns)


@app.command
def create(name: _Name, /, *, kind: _Kinds = None, json: Json = False) -> None:
    """From now on the webhook is told what happens, signed with its secret, in order for each alert."""
    webhook = existing(
        Webhook.objects.filter(name=name).first(),
        f"There is no webhook {name!r}; make it in the console or by `tocsin apply`.",
    )
    row = subscribe(by=SHELL, now=utc_now(), webhook_id=webhook.object_id, kinds=kind or ())
    _tell(row, f"{name} hears what happens to alerts. Try it: tocsin subscription test {name!r}", json)


@app.command
def change(name: _Name, /, *, kind: _Kinds = None, json: Json = False) -> None:
    """Hear of other kinds; of all without --kind."""
    row = change_subscription(by=SHELL, now=utc_now(), subscription_id=_named(name).pk, kinds=kind or ())
    _tell(row, f"{name} is changed.", json)


@app.command
def pause(name: _Name, /, *, json: Json = False) -> None:
    """Keep what happens, and tell it after `resume`; what is older than a day is then tried once."""
    _switch(name, SubscriptionState.PAUSED, "is paused", json)


@app.command
def resume(name: _Name, /, *, json: Json = False) -> None:
    """Tell what waits, and go on."""
    _switch(name, SubscriptionState.ACTIVE, "is active", json)


@app.command
def disable(name: _Name, /, *, json: Json = False) -> None:
    """Tell nothing; what waits is forgotten."""
    _switch(name, SubscriptionState.DISABLED, "is disabled", json)


@app.command
def remove(name: _Name, /, *, json: Json = False) -> None:
    """The webhook stays and hears of alerts' lives no more."""
    row = _named(name)
    said = _as_json(row)
    unsubscribe(by=SHELL, now=utc_now(), subscription_id=row.pk)
    if json:
        show_json(said)
    else:
        say(f"{name} hears of alerts' lives no more.")


@app.command
def notices(
    name: _Name,
    /,
    *,
    state: Annotated[Literal["waiting", "delivered", "given_up", "all"], Parameter(help="Which ones.")] = "all",
    limit: Annotated[int, Parameter(help="How many, newest first.", validator=Number(gte=1, lte=10_000))] = 50,
    json: Json = False,
) -> None:
    """What was told, what waits for its next try, and what was given up, with the last answer."""
    rows = LifecycleNotice.objects.filter(subscription=_named(name)).order_by("-pk")
    if state != "all":
        rows = rows.filter(state=NoticeState(state))
    show([_notice(row) for row in rows[:limit]], as_json=json)


@app.command(name="test")
def try_out(name: _Name, /, *, json: Json = False) -> None:
    """Say `alert.test` now. Exit code 0 when the receiver took it, else 1."""
    result = try_subscription(subscription=_named(name), now=utc_now())
    if json:
        show_json({"outcome": result.outcome.value, "code": result.code, "detail": result.detail})
    else:
        say(f"{result.outcome.value}: {result.detail or result.code}")
    if not is_taken(result.outcome):
        sys.exit(1)


def _switch(name: str, state: SubscriptionState, text: str, json: bool) -> None:
    row = change_subscription(by=SHELL, now=utc_now(), subscription_id=_named(name).pk, state=state)
    _tell(row, f"{name} {text}.", json)


def _tell(row: LifecycleSubscription, text: str, json: bool) -> None:
    if json:
        show_json(_as_json(row))
    else:
        say(text)


def _named(name: str) -> LifecycleSubscription:
    row = existing(
        LifecycleSubscription.objects.select_related("webhook").filter(webhook__name=name).first(),
        f"There is no subscription of a webhook {name!r}; `tocsin subscription list` shows them.",
    )
    return row


def _as_json(row: LifecycleSubscription) -> dict[str, Any]:
    last = row.notices.exclude(answered_at=None).order_by("-answered_at").first()
    return {
        "webhook": row.webhook.name,
        "state": row.state,
        "kinds": row.kinds or [kind.value for kind in LifecycleKind],
        "waiting": row.notices.filter(state=NoticeState.WAITING).count(),
        "given_up": row.notices.filter(state=NoticeState.GIVEN_UP).count(),
        "last_success_at": row.delivered_at,
        "last_answer": last.answer if last else "",
        "last_answer_at": last.answered_at if last else None,
    }


def _notice(row: LifecycleNotice) -> dict[str, Any]:
    return {
        "id": row.pk,
        "alert": row.alert_id,
        "kind": row.kind,
        "at": row.at,
        "state": row.state,
        "tries": row.tries,
        "next_at": row.next_at,
        "answer": row.answer,
    }
