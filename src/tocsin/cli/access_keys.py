"""`tocsin access-key`: what programs sign requests of the ARMS-compatible API with."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from tocsin.accounts import services
from tocsin.accounts.models import AccessKey
from tocsin.accounts.queries import list_access_keys
from tocsin.accounts.rules import Role, lower_role
from tocsin.cli.shared import Json, say, show, show_json
from tocsin.cli.users import user_named
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing

app = App(name="access-key", help="Keys that programs sign requests of the ARMS-compatible API with.")

_KeyId = Annotated[str, Parameter(help="The access key ID, as `list` shows it.")]


@app.command
def create(
    *,
    user: Annotated[str, Parameter(help="Whose key it is: the name that the user signs in with.")],
    name: Annotated[str, Parameter(help="What uses it. The audit log shows this name.")],
    role: Annotated[Role | None, Parameter(help="What it may do, not above the user's role (the default).")] = None,
    json: Json = False,
) -> None:
    """Prints the access key ID and, this once, its secret."""
    owner = user_named(user)
    wanted = role or owner.role or Role.VIEWER
    key, secret = services.create_access_key(by=SHELL, now=utc_now(), user_id=owner.pk, name=name, role=wanted)
    if json:
        show_json({**_as_json(key), "access_key_secret": secret})
    else:
        say(f"access key ID      {key.key_id}")
        say(f"access key secret  {secret}")


@app.command(name="list")
def list_all(*, json: Json = False) -> None:
    """All keys, the disabled ones too; never a secret."""
    show([_as_json(key) for key in list_access_keys()], as_json=json)


@app.command
def disable(key_id: _KeyId, /) -> None:
    """Requests that it signs are refused from now on."""
    services.disable_access_key(by=SHELL, now=utc_now(), access_key_id=_key(key_id).pk)
    say(f"{key_id} is disabled.")


@app.command
def enable(key_id: _KeyId, /) -> None:
    """The opposite of `disable`."""
    services.enable_access_key(by=SHELL, now=utc_now(), access_key_id=_key(key_id).pk)
    say(f"{key_id} is enabled.")


def _key(key_id: str) -> AccessKey:
    key = existing(
        AccessKey.objects.filter(key_id=key_id).first(),
        f"There is no access key {key_id!r}; `tocsin access-key list` shows those there are.",
    )
    return key


def _as_json(key: AccessKey) -> dict[str, Any]:
    may = lower_role(Role(key.role), key.user.role)
    return {
        "access_key_id": key.key_id,
        "user": key.user.username,
        "name": key.name,
        "role": may.value if may else None,
        "is_enabled": key.disabled_at is None,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
    }
