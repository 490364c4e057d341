"""`tocsin api-token`: tokens of programs."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from tocsin.accounts import services
from tocsin.accounts.models import ApiToken
from tocsin.accounts.queries import list_tokens
from tocsin.accounts.rules import Role
from tocsin.cli.shared import Json, say, show, show_json
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import NotFoundError

app = App(name="api-token", help="Tokens of programs.")


@app.command
def create(
    *,
    name: Annotated[str, Parameter(help="What uses it. The audit log shows this name.")],
    role: Annotated[Role, Parameter(help="What it may do.")],
    json: Json = False,
) -> None:
    """Prints the token, this once: only its hash is stored."""
    token, secret = services.create_token(by=SHELL, now=utc_now(), name=name, role=role)
    if json:
        show_json({**_as_json(token), "token": secret})
    else:
        say(secret)


@app.command(name="list")
def list_all(*, json: Json = False) -> None:
    """All tokens, the revoked ones too."""
    show([_as_json(token) for token in list_tokens()], as_json=json)


@app.command
def revoke(name: Annotated[str, Parameter(help="The token's name.")], /) -> None:
    """Programs that use it are refused from now on. This cannot be undone."""
    token = next((token for token in list_tokens() if token.name == name), None)
    if token is None:
        raise NotFoundError(f"There is no token {name!r}; `tocsin api-token list` shows those there are.")
    services.revoke_token(by=SHELL, now=utc_now(), token_id=token.pk)
    say(f"{name} is revoked.")


def _as_json(token: ApiToken) -> dict[str, Any]:
    return {
        "name": token.name,
        "role": token.role,
        "prefix": token.prefix,
        "created_at": token.created_at.isoformat(timespec="seconds"),
        "last_used_at": token.last_used_at.isoformat(timespec="seconds") if token.last_used_at else None,
        "revoked_at": token.revoked_at.isoformat(timespec="seconds") if token.revoked_at else None,
    }
