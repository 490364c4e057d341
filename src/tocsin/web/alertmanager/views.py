"""The reading half of `/api/v2`, and silences, as Alertmanager's OpenAPI describes them."""

from __future__ import annotations

from uuid import UUID

import msgspec
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from tocsin.core.actors import Actor
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError
from tocsin.policies.queries import matchers
from tocsin.policies.queries.silences import silences_called, silences_since
from tocsin.policies.rules.silencing import Effect
from tocsin.policies.services.silences import create_silence, end_silence, save_silence
from tocsin.web.alertmanager.access import answer, refusal
from tocsin.web.alertmanager.alerts import Wanted, alert_groups, alerts
from tocsin.web.alertmanager.matchers import MatcherError, matches_silence, parse_matchers
from tocsin.web.alertmanager.silences import (
    SHOWN_AFTER_END,
    Posted,
    RefusedError,
    ShownSilence,
    State,
    is_same_silence,
    missing_field,
    name_of,
    ordered,
    period_of,
    possible_rows,
    rule_of,
    shown,
)

_MAX_BODY = 256 * 1024
_decode = msgspec.json.Decoder(Posted).decode


def list_alerts(request: HttpRequest, by: Actor) -> HttpResponse:
    try:
        return answer(alerts(Wanted.of(request.GET), utc_now()))
    except MatcherError as error:
        return answer(str(error), 400)


def list_groups(request: HttpRequest, by: Actor) -> HttpResponse:
    try:
        return answer(alert_groups(Wanted.of(request.GET), utc_now()))
    except MatcherError as error:
        return answer(str(error), 400)


def list_receivers(request: HttpRequest, by: Actor) -> HttpResponse:
    """The policies that tell somebody, in their order."""
    return answer([{"name": policy.name} for policy in matchers() if not policy.is_shadow])


def list_silences(request: HttpRequest, by: Actor) -> HttpResponse:
    try:
        filters = parse_matchers(request.GET.getlist("filter"))
    except MatcherError as error:
        return answer(str(error), 400)
    now = utc_now()
    found = [each for silence in silences_since(now - SHOWN_AFTER_END) for each in shown(silence, now)]
    wanted = [silence for silence in found if matches_silence(filters, silence.patterns)]
    if creators := request.GET.getlist("creator"):
        wanted = [silence for silence in wanted if silence.silence.created_by in creators]
    return answer([silence.as_json() for silence in ordered(wanted)])


def get_silence(request: HttpRequest, by: Actor, silence_id: str) -> HttpResponse:
    found = _found(silence_id)
    if isinstance(found, HttpResponse):
        return found
    return answer(found.as_json())


def expire_silence(request: HttpRequest, by: Actor, silence_id: str) -> HttpResponse:
    found = _found(silence_id)
    if isinstance(found, HttpResponse):
        return found
    if found.why_fixed:
        return answer(_fixed(found), 400)
    end_silence(by=by, now=utc_now(), silence_id=found.silence.pk)
    return HttpResponse(status=200)


def post_silence(request: HttpRequest, by: Actor) -> HttpResponse:
    """Creates one, or changes the one whose id is sent; gives the id, which is another when it had to be made anew."""
    if request.content_type not in ("application/json", ""):
        text = f'unsupported media type "{request.content_type}", only [application/json] are allowed'
        return refusal(415, text)
    body = request.read(_MAX_BODY + 1)
    if len(body) > _MAX_BODY:
        return refusal(413, f"The body is larger than {_MAX_BODY} bytes.")
    try:
        posted = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return refusal(400, f'parsing silence body from "" failed, because {error}')
    if missing := missing_field(posted):
        return refusal(422, missing[1], missing[0])
    try:
        return _write(posted, by)
    except RefusedError as error:
        return answer(str(error), 400)
    except InvalidInputError as error:
        return answer(f"Failed to create silence: {error}", 400)


def _write(posted: Posted, by: Actor) -> HttpResponse:
    now = utc_now()
    rule, (starts_at, ends_at) = rule_of(posted), period_of(posted, now)
    comment, author = posted.comment or "", posted.created_by or ""
    old = _found(posted.id) if posted.id else None
    if isinstance(old, HttpResponse):
        return answer("silence not found", 404)
    if old is not None and old.why_fixed:
        return answer(_fixed(old), 400)
    named = name_of(comment, rule)
    with transaction.atomic():
        if old is not None and is_same_silence(old, rule, starts_at, ends_at, now):
            row = old.silence
            was_named = row.name == name_of(row.comment, old.rule)
            save_silence(
                by=by, now=now, silence_id=row.pk, version=row.version, name=named if was_named else row.name,
                rules=[rule], comment=comment, effect=Effect.PERIOD, ends_at=ends_at, time_zone=row.time_zone,
                starts_at=row.starts_at if old.state is State.ACTIVE else starts_at,
            )  # fmt: skip
            return answer({"silenceID": str(old.id)})
        if old is not None and old.state is not State.EXPIRED:
            end_silence(by=by, now=now, silence_id=old.silence.pk, version=old.silence.version)
        made = create_silence(
            by=by, now=now, name=named, rules=[rule], comment=comment, effect=Effect.PERIOD,
            starts_at=max(starts_at, now), ends_at=ends_at, author=author,
        )  # fmt: skip
    return answer({"silenceID": str(made.uuid)})


def _found(silence_id: str) -> ShownSilence | HttpResponse:
    try:
        wanted = UUID(silence_id)
    except ValueError:
        return refusal(422, f'silenceID in path must be of type uuid: "{silence_id[:100]}"', 601)
    now = utc_now()
    rows = silences_called(possible_rows(wanted))
    return next(
        (each for silence in rows for each in shown(silence, now) if each.id == wanted), HttpResponse(status=404)
    )


def _fixed(found: ShownSilence) -> str:
    return (
        f"This silence cannot be changed here, because {found.why_fixed}: change the silence policy "
        f"{found.silence.name!r} in Tocsin's console."
    )
