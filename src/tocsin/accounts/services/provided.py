"""Users whom an identity provider names.

A user of the provider is known by issuer and subject alone. Names and email addresses connect nothing: local ones are
not proved, so whoever wrote another's address into a profile would get that person's role. A local user becomes the
provider's by signing in to both (`connect`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.accounts.models import User
from tocsin.accounts.rules import Role
from tocsin.accounts.services.sessions import forget_sessions
from tocsin.accounts.services.users import group_of, locked_user
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.errors import ConflictError, ForbiddenError

_LONGEST_NAME = 150
_TRIES = 1000


@dataclass(frozen=True, slots=True)
class ProvidedIdentity:
    """What the provider says of somebody who has just proved to it who they are. `role` is what its claim came to."""

    provider: str
    provider_name: str
    subject: str
    username: str
    full_name: str
    email: str
    role: Role | None


def admit(*, now: datetime, identity: ProvidedIdentity, address: str = "") -> User:
    """The user of the identity: made at the first sign-in; name, email and role follow the provider at each.

    ForbiddenError for who has no role there (a user that had one loses it, and its sessions) and for the disabled.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:  # two first sign-ins at once make one user
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [_lock_name(identity)])
        account = SocialAccount.objects.filter(provider=identity.provider, uid=identity.subject).first()
        if account is not None:
            user = locked_user(account.user_id, None)
            _follow(user, identity, address)
        elif identity.role is not None:
            user = _make(identity, now, address)
    if identity.role is None:
        text = _("%(provider)s gives you no role here. Ask whoever administers Tocsin or your groups there.")
        raise ForbiddenError(text % {"provider": identity.provider_name})
    if not user.is_active:
        raise ForbiddenError(_("Your user is disabled. Ask an administrator of Tocsin."))
    return user


def connect(*, by: Actor, now: datetime, user_id: int, provider: str, subject: str) -> None:
    """From now on the user signs in through the provider. ConflictError when another user does with that identity."""
    with transaction.atomic():
        user = locked_user(user_id, None)
        found = SocialAccount.objects.filter(provider=provider, uid=subject).first()
        if found is not None and found.user_id != user.pk:
            raise ConflictError(_("Another user signs in with that identity."))
        if found is None:
            try:
                with transaction.atomic():
                    SocialAccount.objects.create(user=user, provider=provider, uid=subject)
            except IntegrityError as error:
                raise ConflictError(_("Another user signs in with that identity.")) from error
            audit.record(by=by, action=Action.UPDATE, instance=user, changes={"identity provider": ("", subject)})


def _make(identity: ProvidedIdentity, now: datetime, address: str) -> User:
    role = identity.role
    assert role is not None  # noqa: S101 (asked by the caller)
    user = User(
        username=_free_name(identity),
        first_name=identity.full_name[:_LONGEST_NAME],
        email=_email(identity),
        date_joined=now,
    )
    user.set_unusable_password()
    user.save(force_insert=True)
    user.groups.set([group_of(role)])
    SocialAccount.objects.create(user=user, provider=identity.provider, uid=identity.subject)
    changes = {
        "username": ("", user.username),
        "role": ("", role.value),
        "identity provider": ("", identity.subject),
    }
    by = Actor(ActorKind.SYSTEM, identity.provider_name, address=address)
    audit.record(by=by, action=Action.CREATE, instance=user, changes=changes)
    return user


def _follow(user: User, identity: ProvidedIdentity, address: str) -> None:
    """The last administrator, too: whoever has the shell makes another (`tocsin user create`)."""
    given = {"first_name": identity.full_name[:_LONGEST_NAME], "email": _email(identity)}
    changes = {name: (getattr(user, name), value) for name, value in given.items() if value != getattr(user, name)}
    for name, (_before, after) in changes.items():
        setattr(user, name, after)
    names = set(user.groups.values_list("name", flat=True)) & set(Role)
    role_changes = names != {identity.role} if identity.role else bool(names or user.is_superuser)
    if role_changes or user.is_superuser:
        before = user.role.value if user.role else ", ".join(sorted(names))
        after_role = identity.role.value if identity.role else ""
        others = list(Group.objects.filter(user=user).exclude(name__in=list(Role)))
        user.groups.set([*others, group_of(identity.role)] if identity.role else others)
        user.is_superuser = False
        user.__dict__.pop("role", None)
        if before != after_role:
            changes["role"] = (before, after_role)
    if not changes:
        return
    user.version += 1
    user.save(update_fields=["first_name", "email", "is_superuser", "version"])
    by = Actor(ActorKind.SYSTEM, identity.provider_name, address=address)
    audit.record(by=by, action=Action.UPDATE, instance=user, changes=changes)
    if identity.role is None:
        forget_sessions(user.pk)


def _email(identity: ProvidedIdentity) -> str:
    try:
        validate_email(identity.email)
    except ValidationError:
        return ""
    return identity.email


def _free_name(identity: ProvidedIdentity) -> str:
    """The provider's name for the user; with a number where a user of that name is there: it may be somebody else."""
    allowed = "".join(letter for letter in identity.username if letter.isalnum() or letter in "@.+-_")
    wanted = User.normalize_username(allowed)[: _LONGEST_NAME - 5] or "user"
    for number in range(1, _TRIES):
        name = wanted if number == 1 else f"{wanted}-{number}"
        if not User.objects.filter(username__iexact=name).exists():
            return name
    raise ConflictError(_("The name %(name)s is taken; choose another.") % {"name": wanted})


def _lock_name(identity: ProvidedIdentity) -> str:
    return f"identity {identity.provider} {identity.subject}"
