"""`tocsin provider`: accounts that carry messages."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from tocsin.channels import services
from tocsin.channels.base import Outcome, ProviderType
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import account_named, list_accounts, masked_config
from tocsin.channels.registry import PROVIDERS, provider_type
from tocsin.cli.shared import Json, fail, say, show, show_json
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError

app = App(name="provider", help="Accounts that carry messages: add, list, test.")

Settings = Annotated[
    list[str] | None,
    Parameter(
        name="--set",
        negative="",
        help="A field as name=value. name=@FILE reads a file and name=- the standard input, so that a secret shows "
        "in no list of processes. `tocsin provider types` names the fields.",
    ),
]
Priority = Annotated[int, Parameter(help="The account with the lowest number of its channel is tried first.")]
Name = Annotated[str, Parameter(help="The account's name.")]


@app.command
def add(
    provider: Annotated[str, Parameter(help="What `tocsin provider types` lists.")],
    url: Annotated[
        str, Parameter(allow_leading_hyphen=True, help="For providers that a URL can say; - reads standard input.")
    ] = "",
    /,
    *,
    name: Annotated[str, Parameter(help="The provider's own name unless given.")] = "",
    priority: Priority = 100,
    settings: Settings = None,
    json: Json = False,
) -> None:
    """Adds an account, like `tocsin provider add smtp 'smtp://user:password@host:587?from=a@example.org'`."""
    kind = provider_type(provider)
    account = services.add_account(
        by=SHELL,
        now=utc_now(),
        name=name or kind.name,
        provider=kind.name,
        config={**_from_url(kind, url), **_given(settings or [])},
        priority=priority,
    )
    if json:
        show_json(_as_json(account))
    else:
        say(f"{account.name} is added. Try it: tocsin provider test {account.name!r} --to ADDRESS")


@app.command
def change(
    name: Name,
    /,
    *,
    settings: Settings = None,
    forget: Annotated[list[str] | None, Parameter(negative="", help="A secret field to empty.")] = None,
    priority: Annotated[int | None, Parameter(help="The account with the lowest number is tried first.")] = None,
    json: Json = False,
) -> None:
    """Changes what is given; the rest stays, secrets too."""
    account = services.update_account(
        by=SHELL,
        now=utc_now(),
        account_id=account_named(name).pk,
        config=_given(settings or []),
        clear_secrets=forget or (),
        priority=priority,
    )
    if json:
        show_json(_as_json(account))
    else:
        say(f"{account.name} is changed.")


@app.command(name="list")
def list_all(*, json: Json = False) -> None:
    """All accounts, in the order in which they are tried. Secrets are not shown."""
    accounts = list_accounts()
    if json:
        show_json([_as_json(account) for account in accounts])
        return
    columns = {
        "channel": "channel",
        "name": "name",
        "provider": "provider",
        "priority": "priority",
        "is_enabled": "enabled",
        "last_accepted_at": "last success",
        "last_failure": "last failure",
    }
    show([_as_json(account) for account in accounts], as_json=False, columns=columns)


@app.command
def types(*, json: Json = False) -> None:
    """The providers that there are, and the fields of their accounts."""
    kinds = [kind for kind in PROVIDERS.values() if not kind.is_for_robots]
    if json:
        show_json([_type_as_json(kind) for kind in kinds])
        return
    for kind in kinds:
        say(f"{kind.name}: {kind.title}, for {kind.channel}")
        rows = [
            {
                "field": field.name,
                "what": field.label,
                "needed": "required" if field.is_required and not field.default else "",
                "unless set": field.default,
                "more": " ".join(filter(None, ["|".join(field.choices), field.help])),
            }
            for field in kind.fields
        ]
        if rows:
            show(rows, as_json=False)
        say("")


@app.command(name="test")
def try_out(
    name: Name,
    /,
    *,
    to: Annotated[str, Parameter(help="A number like +8613800000000, or an email address.")],
    json: Json = False,
) -> None:
    """Sends one message now, past the queue and its limits. Exit code 0 when the provider accepted it, else 1."""
    result = services.try_account(account=account_named(name), to=to)
    if json:
        show_json(
            {
                "outcome": result.outcome.value,
                "code": result.code,
                "detail": result.detail,
                "provider_id": result.provider_id,
            }
        )
        sys.exit(0 if result.outcome is Outcome.ACCEPTED else 1)
    said = f"{result.outcome.value}: {result.detail or result.code}"
    if result.outcome is not Outcome.ACCEPTED:
        fail(said)
    say(said)


@app.command
def enable(name: Name, /, *, json: Json = False) -> None:
    """Messages go out through it again."""
    account = services.enable_account(by=SHELL, now=utc_now(), account_id=account_named(name).pk)
    _say_or_show(f"{name} is enabled.", _as_json(account), json)


@app.command
def disable(name: Name, /, *, json: Json = False) -> None:
    """Nothing more goes out through it; what waits takes the channel's next account."""
    account = services.disable_account(by=SHELL, now=utc_now(), account_id=account_named(name).pk)
    _say_or_show(f"{name} is disabled.", _as_json(account), json)


@app.command
def remove(name: Name, /, *, json: Json = False) -> None:
    """Removes the account, its credentials and the receipts that came for it."""
    account = account_named(name)
    said = _as_json(account)
    services.delete_account(by=SHELL, now=utc_now(), account_id=account.pk)
    _say_or_show(f"{name} is removed.", said, json)


def _say_or_show(text: str, values: dict[str, Any], json: bool) -> None:
    if json:
        show_json(values)
    else:
        say(text)


def _from_url(kind: ProviderType, url: str) -> dict[str, str]:
    if not url:
        return {}
    if kind.from_url is None:
        raise InvalidInputError({"": f"{kind.title} cannot be written as a URL; give its fields with --set."})
    try:
        return dict(kind.from_url(sys.stdin.readline().strip() if url == "-" else url))
    except ValueError as error:
        raise InvalidInputError({"": str(error)}) from None


def _given(pairs: Sequence[str]) -> dict[str, str]:
    """The error names the field and never repeats a value."""
    config = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise InvalidInputError({"--set": "Write a field as name=value, like --set host=mail.example.org."})
        config[name] = _value(name, value)
    return config


def _value(name: str, value: str) -> str:
    if value == "-":
        return sys.stdin.readline().rstrip("\r\n")
    if not value.startswith("@"):
        return value
    if value.startswith("@@"):
        return value[1:]
    try:
        return Path(value[1:]).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise InvalidInputError(
            {name: f"The file {value[1:]} cannot be read. A value that begins with @ is written @@."}
        ) from None


def _as_json(account: ProviderAccount) -> dict[str, Any]:
    kind = PROVIDERS.get(account.provider)
    return {
        "name": account.name,
        "provider": account.provider,
        "channel": account.channel,
        "priority": account.priority,
        "is_enabled": account.is_enabled,
        "is_simulated": kind.capabilities.is_simulated if kind else False,
        "config": masked_config(account) if kind else {},
        "limit_count": account.limit_count,
        "limit_seconds": account.limit_seconds,
        "last_accepted_at": account.last_accepted_at,
        "last_failed_at": account.last_failed_at,
        "last_failure": account.last_failure,
    }


def _type_as_json(kind: ProviderType) -> dict[str, Any]:
    return {
        "name": kind.name,
        "title": kind.title,
        "channel": kind.channel,
        "is_simulated": kind.capabilities.is_simulated,
        "fields": [
            {
                "name": field.name,
                "label": field.label,
                "is_required": field.is_required,
                "is_secret": field.is_secret,
                "default": field.default,
                "choices": list(field.choices),
                "help": field.help,
            }
            for field in kind.fields
        ],
    }
