"""Where a user is signed in. A session is Django's row and, beside it, allauth's of whose it is and from where."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.accounts.models import User
from tocsin.core.actors import Actor
from tocsin.core.errors import existing

_SEEN_EVERY = timedelta(minutes=1)


def end_sessions(
    *, by: Actor, now: datetime, user_id: int, session_ids: Collection[int] | None = None, but: str = ""
) -> int:
    """How many ended, of those given or of all the user's; never the one whose key is `but`."""
    with transaction.atomic():
        user = existing(User.objects.select_for_update().filter(pk=user_id).first(), _("There is no such user."))
        ended = forget_sessions(user_id, session_ids, but=but)
        if ended:
            audit.record(by=by, action=Action.UPDATE, instance=user, note=f"sessions ended: {ended}")
    return ended


def forget_sessions(user_id: int, session_ids: Collection[int] | None = None, *, but: str = "") -> int:
    """Within the caller's transaction, which audits what it is part of."""
    rows = UserSession.objects.filter(user_id=user_id).exclude(session_key=but)
    if session_ids is not None:
        rows = rows.filter(pk__in=session_ids)
    keys = list(rows.values_list("session_key", flat=True))
    ended, _by_table = Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(user_id=user_id, session_key__in=keys).delete()
    return ended


def see_session(*, session_key: str, address: str, now: datetime) -> None:
    """Notes that it was used, at most once a minute."""
    seen = UserSession.objects.filter(session_key=session_key, last_seen_at__lte=now - _SEEN_EVERY)
    seen.update(last_seen_at=now, **({"ip": address} if address else {}))


def forget_expired_sessions(now: datetime, at_most: int = 1000) -> int:
    """How many went; visitors who only looked at the sign-in leave some, too."""
    old = Session.objects.filter(expire_date__lte=now).order_by("expire_date").values_list("session_key", flat=True)
    keys = list(old[:at_most])
    UserSession.objects.filter(session_key__in=keys).delete()
    gone, _by_table = Session.objects.filter(session_key__in=keys).delete()
    return gone


def renew_session(*, user_id: int, before: str, after: str) -> None:
    """The session has another key from now on, as after a change of the password."""
    UserSession.objects.filter(user_id=user_id, session_key=before).update(session_key=after)
