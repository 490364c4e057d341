"""Writes of robots: chatbots of IM groups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.channels.base import ProviderType
from tocsin.channels.registry import PROVIDERS, robot_provider
from tocsin.contacts.models import NotificationObject, Robot
from tocsin.contacts.queries import uses_of
from tocsin.contacts.rules import DuplicateError, Use
from tocsin.contacts.services.cleaning import clean, clean_name, clean_text, clean_url, duplicates, naming_duplicates
from tocsin.core.actors import Actor
from tocsin.core.errors import ConflictError, InvalidInputError, NotFoundError

_SECRETS = ("url", "secret")
_CONFIG = ("url", "secret", "keyword")


def _short_text(value: object) -> str:
    return clean_text(value, at_most=64)


def _secret_text(value: object) -> str:
    return clean_text(value, at_most=500)


_FIELDS: Mapping[str, Callable[[object], str | None]] = {
    "name": clean_name,
    "url": clean_url,
    "secret": _secret_text,
    "keyword": _short_text,
}


def create_robot(
    *,
    by: Actor,
    now: datetime,
    name: str,
    platform: str,
    url: str,
    secret: str = "",
    keyword: str = "",
    is_enabled: bool = True,
) -> Robot:
    """`url` and `secret` are stored encrypted and never shown again. InvalidInputError names the fields."""
    provider = robot_provider(platform)
    if provider is None:
        raise InvalidInputError({"platform": _("Choose one of: %(choices)s.") % {"choices": ", ".join(platforms())}})
    cleaned = clean({"name": name, "url": url, "secret": secret, "keyword": keyword}, _FIELDS)
    robot = Robot(**cleaned, platform=provider.channel.value, is_enabled=is_enabled, created_at=now)
    _refuse_unusable(robot, provider)
    with transaction.atomic():
        with naming_duplicates(lambda: _duplicate(robot)):
            robot.object = NotificationObject.objects.create(kind=NotificationObject.Kind.ROBOT)
            robot.save(force_insert=True)
        changes = {field: ("", _shown(field, value)) for field, value in cleaned.items() if value}
        changes |= {"platform": ("", robot.platform), "is_enabled": ("", str(is_enabled))}
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
    secret: str | None = None,
    keyword: str | None = None,
    is_enabled: bool | None = None,
) -> Robot:
    """What is None stays; an empty `secret` removes it. ConflictError when `version` is not the row's."""
    given = {"name": name, "url": url, "secret": secret, "keyword": keyword}
    cleaned: dict[str, str | bool | None] = {
        **clean({field: value for field, value in given.items() if value is not None}, _FIELDS)
    }
    if is_enabled is not None:
        cleaned["is_enabled"] = is_enabled
    with transaction.atomic():
        robot = _locked(robot_id, version)
        before = {field: getattr(robot, field) for field, value in cleaned.items() if getattr(robot, field) != value}
        if not before:
            return robot
        for field in before:
            setattr(robot, field, cleaned[field])
        if (provider := robot_provider(robot.platform)) is not None and not {*_CONFIG}.isdisjoint(before):
            _refuse_unusable(robot, provider)
        robot.version += 1
        with naming_duplicates(lambda: _duplicate(robot)):
            robot.save(update_fields=[*before, "version"])
        changes = {field: (_shown(field, old), _shown(field, cleaned[field])) for field, old in before.items()}
        audit.record(by=by, action=Action.UPDATE, instance=robot, changes=changes)
    return robot


def delete_robots(*, by: Actor, now: datetime, ids: Collection[int]) -> tuple[Use, ...]:
    """Returns what used the robots."""
    with transaction.atomic():
        robots = list(Robot.objects.select_for_update().filter(pk__in=ids).order_by("pk").defer("url", "secret"))
        found = [robot.pk for robot in robots]
        uses = tuple(uses_of(found))
        entries = [(robot, {"name": (robot.name, ""), "platform": (robot.platform, "")}) for robot in robots]
        audit.record_many(by=by, action=Action.DELETE, entries=entries)
        NotificationObject.objects.filter(pk__in=found).delete()
    return uses


def platforms() -> list[str]:
    """Those whose robots this version can reach."""
    return sorted(kind.channel.value for kind in PROVIDERS.values() if kind.is_for_robots)


def _refuse_unusable(robot: Robot, provider: ProviderType) -> None:
    if problems := provider.problems({field: getattr(robot, field) for field in _CONFIG if getattr(robot, field)}):
        raise InvalidInputError(problems)


def _locked(robot_id: int, version: int | None) -> Robot:
    robot = Robot.objects.select_for_update().filter(pk=robot_id).first()
    if robot is None:
        raise NotFoundError(_("There is no such robot."))
    if version is not None and version != robot.version:
        raise ConflictError(_("Somebody changed this robot since you opened it. Load it again and repeat your change."))
    return robot


def _duplicate(robot: Robot) -> DuplicateError:
    other = Robot.objects.exclude(pk=robot.pk).filter(name=robot.name).only("name").first()
    return duplicates({"name": (robot.name, (other.pk, other.name) if other else None)})


def _shown(field: str, value: object) -> str:
    """As an audit entry keeps it."""
    return "***" if field in _SECRETS and value else str(value)
