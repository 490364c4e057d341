"""Writes of users."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.accounts.models import User
from tocsin.accounts.queries import users_with_role
from tocsin.accounts.rules import Role
from tocsin.accounts.services.sessions import forget_sessions
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.errors import ConflictError, InvalidInputError, existing, refuse_changed


def create_user(
    *,
    by: Actor,
    now: datetime,
    username: str,
    password: str,
    role: Role,
    full_name: str = "",
    email: str = "",
    language: str = "",
    time_zone: str = "",
) -> User:
    """InvalidInputError names `username`, `password` or `email`."""
    user = User(
        username=User.normalize_username(username.strip()),
        first_name=full_name.strip(),
        email=email.strip(),
        language=language,
        time_zone=time_zone,
        date_joined=now,
    )
    problems = problems_of(user)
    problems.update(_password_problems(password, user))
    if problems:
        raise InvalidInputError(problems)
    user.set_password(password)
    with transaction.atomic():
        try:
            with transaction.atomic():
                user.save(force_insert=True)
        except IntegrityError as error:
            raise InvalidInputError({"username": _taken(user.username)}) from error
        user.groups.set([group_of(role)])
        changes = {"username": ("", user.username), "role": ("", role.value), "password": ("", "***")}
        audit.record(by=by, action=Action.CREATE, instance=user, changes=changes)
    return user


def change_user(
    *,
    by: Actor,
    now: datetime,
    user_id: int,
    version: int | None = None,
    full_name: str | None = None,
    email: str | None = None,
    language: str | None = None,
    time_zone: str | None = None,
    is_active: bool | None = None,
) -> User:
    """What is None stays. ConflictError when the version is not the row's, or the last administrator would go."""
    given = {
        "first_name": full_name,
        "email": email,
        "language": language,
        "time_zone": time_zone,
        "is_active": is_active,
    }
    with transaction.atomic():
        user = locked_user(user_id, version)
        changes = {
            name: (getattr(user, name), value)
            for name, value in given.items()
            if value is not None and value != getattr(user, name)
        }
        if not changes:
            return user
        if is_active is False:
            _keep_an_administrator(user)
            if by.kind is ActorKind.USER and by.id == user.pk:
                raise ConflictError(_("You cannot disable your own account; ask another administrator."))
        for name, (_before, after) in changes.items():
            setattr(user, name, after)
        if problems := problems_of(user):
            raise InvalidInputError(problems)
        user.version += 1
        user.save(update_fields=[*changes, "version"])
        audit.record(by=by, action=Action.UPDATE, instance=user, changes=changes)
        if is_active is False:
            forget_sessions(user.pk)
    return user


def set_role(*, by: Actor, now: datetime, user_id: int, role: Role, version: int | None = None) -> User:
    """Replaces the user's role. ConflictError when the last administrator would go."""
    with transaction.atomic():
        user = locked_user(user_id, version)
        before = user.role
        if before is role:
            return user
        if before is Role.ADMIN:
            _keep_an_administrator(user)
        user.groups.set([*user.groups.exclude(name__in=list(Role)), group_of(role)])
        user.is_superuser = False
        user.version += 1
        user.save(update_fields=["is_superuser", "version"])
        user.__dict__.pop("role", None)
        changes = {"role": (before.value if before else "", role.value)}
        audit.record(by=by, action=Action.UPDATE, instance=user, changes=changes)
    return user


def set_password(*, by: Actor, now: datetime, user_id: int, password: str, keep_session: str = "") -> User:
    """Ends the user's sessions but the one of that key. InvalidInputError names `password`."""
    with transaction.atomic():
        user = locked_user(user_id, None)
        if problems := _password_problems(password, user):
            raise InvalidInputError(problems)
        user.set_password(password)
        user.version += 1
        user.save(update_fields=["password", "version"])
        forget_sessions(user.pk, but=keep_session)
        audit.record(by=by, action=Action.UPDATE, instance=user, changes={"password": ("***", "***")})
    return user


def group_of(role: Role) -> Group:
    return Group.objects.get_or_create(name=role.value)[0]


def locked_user(user_id: int, version: int | None) -> User:
    user = existing(User.objects.select_for_update().filter(pk=user_id).first(), _("There is no such user."))
    refuse_changed(version, [user])
    return user


def _keep_an_administrator(user: User) -> None:
    """Locks the administrators, so that two of them cannot remove each other at the same moment."""
    Group.objects.select_for_update().get(pk=group_of(Role.ADMIN).pk)
    if user.role is Role.ADMIN and not users_with_role(Role.ADMIN).exclude(pk=user.pk).exists():
        raise ConflictError(_("This is the only administrator; make somebody else one first."))


def problems_of(user: User) -> dict[str, str]:
    try:
        user.clean_fields(exclude={"password"})
    except ValidationError as error:
        names = {"first_name": "full_name"}
        return {names.get(field, field): " ".join(texts) for field, texts in error.message_dict.items()}
    if user.language and user.language not in dict(settings.LANGUAGES):
        return {"language": _("Choose one of: %(codes)s.") % {"codes": ", ".join(dict(settings.LANGUAGES))}}
    if user.time_zone and user.time_zone not in available_timezones():
        return {"time_zone": _("Not a time zone; write one like Asia/Shanghai or Europe/Berlin.")}
    if user._state.adding and User.objects.filter(username__iexact=user.username).exists():
        return {"username": _taken(user.username)}
    return {}


def _password_problems(password: str, user: User) -> dict[str, str]:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return {"password": " ".join(error.messages)}
    return {}


def _taken(username: str) -> str:
    return _("The name %(name)s is taken; choose another.") % {"name": username}


def record_reveal(*, by: Actor, now: datetime, instance: Model, fields: Sequence[str]) -> None:
    """The audit entry of somebody being shown whole numbers or addresses that others see masked."""
    audit.record(by=by, action=Action.ACCESS, instance=instance, note="shown: " + ", ".join(fields))


def record_reveals(*, by: Actor, now: datetime, instances: Iterable[Model], fields: Sequence[str]) -> None:
    """`record_reveal` for many, in one statement."""
    entries: list[tuple[Model, audit.Changes]] = [(instance, {}) for instance in instances]
    audit.record_many(by=by, action=Action.ACCESS, entries=entries, note="shown: " + ", ".join(fields))
