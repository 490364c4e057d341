"""`tocsin api-token`: tokens of programs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number

from tocsin.accounts import services
from tocsin.accounts.models import ApiToken
from tocsin.accounts.queries import list_tokens
from tocsin.accounts.rules import Role, Scope
from tocsin.cli.shared import Json, say, show, show_json
from tocsin.cli.users import user_named
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import NotFoundError

app = App(name="api-token", help="Tokens of programs.")
_SCOPES = f"What it is for, within its role; repeat for several, all without it. One of: {', '.join(Scope)}."


@app.command
def create(
    *,
    name: Annotated[str, Parameter(help="What uses it. The audit log shows this name.")],
    role: Annotated[Role, Parameter(help="What it may do.")],
    scope: Annotated[list[str] | None, Parameter(help=_SCOPES, negative=())] = None,
    owner: Annotated[str, Parameter(help="A user; the token never may more than they do.")] = "",
    expires_in_days: Annotated[
        int | None, Parameter(help="It ends by itself then.", validator=Number(gte=1, lte=36500))
    ] = None,
    json: Json = False,
) -> None:
    """Prints the token, this once: only its hash is stored."""
    now = utc_now()
    token, secret = services.create_token(
        by=SHELL,
        now=now,
        name=name,
        role=role,
        scopes=scope or tuple(Scope),
        owner=user_named(owner) if owner else None,
        expires_at=now + timedelta(days=expires_in_days) if expires_in_days is not None else None,
    )
    if json:
        show_json({**_as_json(token), "token": secret})
    else:
        say(secret)


@app.command(name="list")
def list_all(*, json: Json = False) -> None:
    """All tokens, the revoked ones too."""
    show([_as_json(token) for token in list_tokens()], as_json=json)


@app.command
def revoke(name: Annotated[str, Parameter(help="The token's name.")], /, *, json: Json = False) -> None:
    """Programs that use it are refused from now on. This cannot be undone."""
    token = next((token for token in list_tokens() if token.name == name), None)
    if token is None:
        raise NotFoundError(f"There is no token {name!r}; `tocsin api-token list` shows those there are.")
    revoked = services.revoke_token(by=SHELL, now=utc_now(), token_id=token.pk)
    if json:
        show_json(_as_json(revoked))
    else:
        say(f"{name} is revoked.")


def _as_json(token: ApiToken) -> dict[str, Any]:
    return {
        "name": token.name,
        "role": token.role,
        "scopes": token.scopes,
        "owner": token.owner.username if token.owner else None,
        "prefix": token.prefix,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "revoked_at": token.revoked_at,
    }
