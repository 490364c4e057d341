"""`tocsin user`: who signs in, and a way back in for who cannot."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from cyclopts import App, Parameter

from tocsin.accounts import services
from tocsin.accounts.models import User
from tocsin.accounts.rules import Role
from tocsin.cli.shared import Json, say, show, show_json
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing

app = App(name="user", help="Who signs in: list, create, new password, second factor.")


@app.command(name="list")
def list_all(*, json: Json = False) -> None:
    """All users, the disabled ones too."""
    users = User.objects.prefetch_related("groups").order_by("username")
    show([_as_json(user) for user in users], as_json=json)


@app.command
def password(name: Annotated[str, Parameter(help="The user's name, like admin.")], /, *, json: Json = False) -> None:
    """Prints a new password, this once, and ends the user's sessions."""
    user = user_named(name)
    made = secrets.token_urlsafe(15)
    services.set_password(by=SHELL, now=utc_now(), user_id=user.pk, password=made)
    if json:
        show_json({**_as_json(user), "password": made})
    else:
        say(made)


@app.command
def create(
    name: Annotated[str, Parameter(help="The name to sign in with.")],
    /,
    *,
    role: Annotated[Role, Parameter(help="viewer, responder, manager or admin.")] = Role.VIEWER,
    json: Json = False,
) -> None:
    """Makes a user of Tocsin's own and prints its password, this once: a way in when the identity provider is none."""
    made = secrets.token_urlsafe(15)
    user = services.create_user(by=SHELL, now=utc_now(), username=name, password=made, role=role)
    if json:
        show_json({**_as_json(user), "password": made})
    else:
        say(made)


@app.command
def reset_second_factor(name: Annotated[str, Parameter(help="The user's name.")], /, *, json: Json = False) -> None:
    """Removes the authenticator app, passkeys and recovery codes; the password alone signs in from then on."""
    user = user_named(name)
    removed = services.reset_second_factor(by=SHELL, now=utc_now(), user_id=user.pk)
    if json:
        show_json({**_as_json(user), "removed": removed})
    else:
        say("The second factor was reset." if removed else "There was no second factor.")


def user_named(name: str) -> User:
    user = existing(
        User.objects.filter(username=name).first(),
        f"There is no user {name!r}; `tocsin user list` shows those there are.",
    )
    return user


def _as_json(user: User) -> dict[str, Any]:
    return {
        "name": user.username,
        "role": user.role.value if user.role else None,
        "is_active": user.is_active,
        "last_login": user.last_login,
    }
