"""Writes of robots: chatbots of IM groups."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.channels.base import ProviderType
from tocsin.channels.kinds import ROBOT_PLATFORMS, Channel
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import kind_of
from tocsin.channels.registry import PROVIDERS, robot_provider, robot_providers
from tocsin.contacts.models import NotificationObject, Robot
from tocsin.contacts.queries import robot_config, robot_settings
from tocsin.contacts.queries.outlets import ROBOT_SECRETS
from tocsin.contacts.rules import DuplicateError, Use
from tocsin.contacts.rules.daily import MAX_DAILY_TIMES, due_moments, next_daily, parse_times
from tocsin.contacts.services.cleaning import (
    clean,
    clean_language,
    clean_name,
    clean_text,
    clean_time_zone,
    clean_url,
    duplicates,
    naming_duplicates,
    zone_of,
)
from tocsin.contacts.services.objects import delete_objects
from tocsin.contacts.services.outlets import host_problem, private_problem
from tocsin.core.actors import Actor
from tocsin.core.errors import InvalidInputError, existing, refuse_changed

_SECRETS = ("url", "secret")
_CONFIG = ("url", "secret", "keyword", "settings")
"""What decides how it is opened."""
_REACHED_BY = (*_CONFIG, "chat_id")
_DAILY = ("sends_daily", "daily_times", "time_zone", "is_enabled")
"""What decides when the next daily statistics are due."""
_Cleaned = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DueDaily:
    """A robot whose moment has come. `at` is sent now, `missed` are too late for it."""

    robot_id: int
    name: str
    platform: Channel
    language: str
    time_zone: str
    at: datetime | None
    missed: tuple[datetime, ...]


def _short_text(value: object) -> str:
    return clean_text(value, at_most=64)


def _secret_text(value: object) -> str:
    return clean_text(value, at_most=500)


def _url_if_any(value: object) -> str:
    """Kinds of robots that are at a known address need none."""
    return clean_url(value) if value else ""


def _chat_id(value: object) -> str:
    text = clean_text(value, at_most=128)
    if any(map(str.isspace, text)):
        raise ValueError(_("A group's ID holds no blanks."))
    return text


_FIELDS: Mapping[str, Callable[[object], str | None]] = {
    "name": clean_name,
    "url": clean_url,
    "chat_id": _chat_id,
    "secret": _secret_text,
    "keyword": _short_text,
    "language": clean_language,
    "time_zone": clean_time_zone,
}


def create_robot(
    *,
    by: Actor,
    now: datetime,
    name: str,
    platform: str,
    url: str = "",
    account_id: int | None = None,
    chat_id: str = "",
    secret: str = "",
    keyword: str = "",
    provider: str = "",
    settings: Mapping[str, str] | None = None,
    language: str = "",
    time_zone: str = "",
    sends_daily: bool = False,
    daily_times: Sequence[str] = (),
    is_enabled: bool = True,
) -> Robot:
    """`url`, `secret` and `settings` are stored encrypted; what is secret of them is never shown again.

    `provider`: the kind of robot, "" for the platform's first; `settings`: what it is set up with beyond url, secret
    and keyword, by the names of its fields. One of an app has none of these: `account_id` is the app's account and
    `chat_id` the group, as the platform knows it. InvalidInputError names the fields.
    `daily_times`: "hh:mm" in `time_zone` (the installation's if empty), at which the group is told of the day.
    """
    account = _app(account_id, platform)
    kind = _kind(platform, provider) if account is None else kind_of(account)
    typed = {"name": name, "url": url, "secret": secret, "keyword": keyword, "language": language, "chat_id": chat_id}
    cleaned = _clean({**typed, "time_zone": time_zone}, sends_daily, daily_times, is_enabled, kind)
    cleaned |= {"provider": kind.name, "settings": _settings({}, settings or {})}
    robot = Robot(**cleaned, platform=kind.channel.value, account=account, created_at=now)
    _refuse_unusable(robot, kind, _CONFIG)
    robot.daily_due_at = _next_daily(robot, now)
    with transaction.atomic():
        with naming_duplicates(lambda: _duplicate(robot)):
            robot.object = NotificationObject.objects.create(kind=NotificationObject.Kind.ROBOT)
            robot.save(force_insert=True)
        changes = {field: ("", _shown(field, value)) for field, value in cleaned.items() if value}
        changes |= {"platform": ("", robot.platform), "is_enabled": ("", str(is_enabled))}
        changes |= {"account": ("", account.name)} if account is not None else {}
        audit.record(by=by, action=Action.CREATE, instance=robot, changes=changes)
    return robot


def update_robot(
    *,
    by: Actor,
    now: datetime,
    robot_id: int,
    version: int | None,
    name: str | None = None,
    url: str | None = None,
    chat_id: str | None = None,
    secret: str | None = None,
    keyword: str | None = None,
    settings: Mapping[str, str] | None = None,
    language: str | None = None,
    time_zone: str | None = None,
    sends_daily: bool | None = None,
    daily_times: Sequence[str] | None = None,
    is_enabled: bool | None = None,
) -> Robot:
    """What is None stays, and what `settings` does not name; an empty text removes what is there.

    A robot of an app stays that: whose it is cannot be changed, its group can. ConflictError when `version` is not the
    row's.
    """
    given = {"name": name, "url": url, "secret": secret, "keyword": keyword, "language": language, "chat_id": chat_id}
    typed = {field: value for field, value in {**given, "time_zone": time_zone}.items() if value is not None}
    with transaction.atomic():
        robot = _locked(robot_id, version)
        kind = kind_of(robot.account) if robot.account else robot_provider(robot.platform, robot.provider)
        cleaned = _clean(typed, sends_daily, daily_times, is_enabled, kind)
        if settings is not None:
            cleaned["settings"] = _settings(robot_settings(robot), settings)
        before = {field: getattr(robot, field) for field, value in cleaned.items() if getattr(robot, field) != value}
        if not before:
            return robot
        for field in before:
            setattr(robot, field, cleaned[field])
        if kind is not None and not {*_REACHED_BY}.isdisjoint(before):
            _refuse_unusable(robot, kind, before)
        _refuse_daily_without_times(robot.sends_daily, robot.daily_times)
        if not {*_DAILY}.isdisjoint(before):
            robot.daily_due_at = _next_daily(robot, now)
        robot.version += 1
        with naming_duplicates(lambda: _duplicate(robot)):
            robot.save(update_fields=[*before, "daily_due_at", "version"])
        changes = {field: (_shown(field, old), _shown(field, cleaned[field])) for field, old in before.items()}
        audit.record(by=by, action=Action.UPDATE, instance=robot, changes=changes)
    return robot


def take_due_dailies(*, now: datetime, limit: int = 100) -> list[DueDaily]:
    """Robots whose moment has come; their next one is set in the caller's transaction, so nobody else takes this one.

    Others skip what this one locked.
    """
    due = Robot.objects.select_for_update(skip_locked=True, no_key=True).filter(daily_due_at__lte=now)
    taken = []
    for robot in due.order_by("daily_due_at", "pk").defer(*ROBOT_SECRETS)[:limit]:
        due_at = robot.daily_due_at or now
        found = due_moments(robot.daily_times, zone_of(robot.time_zone), due_at, now)
        taken.append(
            DueDaily(
                robot.pk, robot.name, Channel(robot.platform), robot.language, robot.time_zone, found.now, found.missed
            )
        )
        robot.daily_due_at = found.next_at
        robot.save(update_fields=["daily_due_at"])
    return taken


def delete_robots(*, by: Actor, now: datetime, ids: Collection[int], version: int | None = None) -> tuple[Use, ...]:
    """Returns what used the robots. ConflictError when `version` is not the row's."""
    with transaction.atomic():
        robots = list(Robot.objects.select_for_update().filter(pk__in=ids).order_by("pk").defer(*ROBOT_SECRETS))
        return delete_objects(by=by, rows=robots, version=version, facts=("name", "platform"))


def platforms() -> list[str]:
    """Those whose robots this version can reach."""
    return sorted({kind.channel.value for kind in PROVIDERS.values() if kind.channel in ROBOT_PLATFORMS})


def _kind(platform: str, name: str) -> ProviderType:
    if platform not in platforms():
        raise InvalidInputError({"platform": _("Choose one of: %(choices)s.") % {"choices": ", ".join(platforms())}})
    if (found := robot_provider(platform, name)) is None:
        names = ", ".join(kind.name for kind in robot_providers(platform))
        raise InvalidInputError({"provider": _("Choose one of: %(choices)s.") % {"choices": names}})
    return found


def _clean(
    typed: Mapping[str, object],
    sends_daily: bool | None,
    daily_times: Sequence[str] | None,
    is_enabled: bool | None,
    kind: ProviderType | None,
) -> _Cleaned:
    is_of_app = kind is not None and kind.chat is not None  # whose own `url` is where its vendor is
    needs_url = kind is None or any(field.name == "url" and field.is_required for field in kind.fields)
    needs_url = needs_url and not is_of_app
    cleaned: _Cleaned = dict(clean(typed, {**_FIELDS, "url": clean_url if needs_url else _url_if_any}))
    if daily_times is not None:
        cleaned["daily_times"] = _clean_times(daily_times)
        _refuse_daily_without_times(bool(sends_daily), cleaned["daily_times"])
    given = {"sends_daily": sends_daily, "is_enabled": is_enabled}
    return cleaned | {field: value for field, value in given.items() if value is not None}


def _settings(stored: Mapping[str, str], typed: Mapping[str, str]) -> str:
    """As the row keeps them; the provider says what each may be."""
    cleaned: dict[str, str] = {}
    problems: dict[str, str] = {}
    for name, value in typed.items():
        try:
            cleaned[name] = clean_text(value, at_most=2000)
        except ValueError as error:
            problems[name] = str(error)
    if problems:
        raise InvalidInputError(problems)
    kept = {name: value for name, value in sorted({**stored, **cleaned}.items()) if value}
    return json.dumps(kept, ensure_ascii=False) if kept else ""


def _clean_times(texts: Sequence[str]) -> list[str]:
    try:
        times = parse_times(texts)
    except ValueError as error:
        problem = _("%(text)s is no time of day; write it like 09:30.") % {"text": str(error)[:20] or "''"}
        raise InvalidInputError({"daily_times": problem}) from error
    if len(times) > MAX_DAILY_TIMES:
        raise InvalidInputError({"daily_times": _("At most %(count)d times a day.") % {"count": MAX_DAILY_TIMES}})
    return list(times)


def _refuse_daily_without_times(sends_daily: bool, times: Sequence[str]) -> None:
    if sends_daily and not times:
        raise InvalidInputError({"daily_times": _("Name the times of day at which the statistics are sent.")})


def _next_daily(robot: Robot, now: datetime) -> datetime | None:
    if not (robot.sends_daily and robot.is_enabled):
        return None
    return next_daily(robot.daily_times, zone_of(robot.time_zone), now)


def _app(account_id: int | None, platform: str) -> ProviderAccount | None:
    if account_id is None:
        return None
    account = ProviderAccount.objects.filter(pk=account_id, channel=platform).first()
    if account is None or kind_of(account).chat is None:
        raise InvalidInputError({"account": _("Choose an app of this platform.")})
    return account


def _refuse_unusable(robot: Robot, provider: ProviderType, changed: Collection[str]) -> None:
    if robot.account is not None:
        if not robot.chat_id:
            raise InvalidInputError({"chat_id": _("Name the group that the app's robot writes to.")})
        if robot.url or robot.secret or robot.keyword or robot.settings:
            raise InvalidInputError({"url": _("A robot of an app has no webhook URL, secret or keyword.")})
        return
    config = {field: value for field, value in robot_config(robot).items() if value}
    problems = provider.problems(config)
    if not problems:
        problems = _address_problems(config, provider, changed)
    if problems:
        raise InvalidInputError(problems)


def _address_problems(config: Mapping[str, str], provider: ProviderType, changed: Collection[str]) -> dict[str, str]:
    """Where it is, when that was typed: `url` holds a robot's token, `api` is where its platform is asked."""
    typed = {field: config[field] for field in ("url", "api") if config.get(field)}
    new = {field: url for field, url in typed.items() if field in changed or (field == "api" and "settings" in changed)}
    found = {field: private_problem(url) or host_problem(url, provider) for field, url in new.items()}
    return {field: problem for field, problem in found.items() if problem}


def _locked(robot_id: int, version: int | None) -> Robot:
    robot = existing(Robot.objects.select_for_update().filter(pk=robot_id).first(), _("There is no such robot."))
    refuse_changed(version, [robot])
    return robot


def _duplicate(robot: Robot) -> DuplicateError:
    other = Robot.objects.exclude(pk=robot.pk).filter(name=robot.name).only("name").first()
    return duplicates({"name": (robot.name, (other.pk, other.name) if other else None)})


def _shown(field: str, value: object) -> str:
    """As an audit entry keeps it; of what a kind of robot is set up with, the names alone."""
    if field == "settings":
        return ", ".join(json.loads(str(value) or "{}"))
    return "***" if field in _SECRETS and value else str(value)
