"""`tocsin user`: who signs in, and a way back in for who cannot."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from cyclopts import App, Parameter

from tocsin.accounts import services
from tocsin.accounts.models import User
from tocsin.cli.shared import Json, say, show, show_json
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import NotFoundError

app = App(name="user", help="Who signs in: list, new password.")


@app.command(name="list")
def list_all(*, json: Json = False) -> None:
    """All users, the disabled ones too."""
    users = User.objects.prefetch_related("groups").order_by("username")
    show([_as_json(user) for user in users], as_json=json)


@app.command
def password(name: Annotated[str, Parameter(help="The user's name, like admin.")], /, *, json: Json = False) -> None:
    """Prints a new password, this once, and ends the user's sessions."""
    user = User.objects.filter(username=name).first()
    if user is None:
        raise NotFoundError(f"There is no user {name!r}; `tocsin user list` shows those there are.")
    made = secrets.token_urlsafe(15)
    services.set_password(by=SHELL, now=utc_now(), user_id=user.pk, password=made)
    if json:
        show_json({**_as_json(user), "password": made})
    else:
        say(made)


def _as_json(user: User) -> dict[str, Any]:
    return {
        "name": user.username,
        "role": user.role.value if user.role else None,
        "is_active": user.is_active,
        "last_login": user.last_login.isoformat(timespec="seconds") if user.last_login else None,
    }
