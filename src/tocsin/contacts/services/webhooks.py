"""Writes of webhooks: addresses that programs listen at."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.channels.registry import PROVIDERS
from tocsin.contacts.models import NotificationObject, Webhook
from tocsin.contacts.queries.outlets import WEBHOOK_CONFIG
from tocsin.contacts.rules import DuplicateError, Use
from tocsin.contacts.services.cleaning import (
    clean,
    clean_language,
    clean_name,
    clean_text,
    clean_url,
    duplicates,
    naming_duplicates,
)
from tocsin.contacts.services.objects import delete_objects
from tocsin.contacts.services.outlets import private_problem
from tocsin.core.actors import Actor
from tocsin.core.errors import InvalidInputError, existing, refuse_changed
from tocsin.core.storable import is_storable

KEPT = "***"
"""As a header's or parameter's value: what is stored under that name stays."""
_SECRETS = ("url", "secret", "headers", "parameters")
_LONGEST_BODY = 20_000
Pairs = Mapping[str, str]


def _method(value: object) -> str:
    return str(value).upper()


def _body(value: object) -> str:
    text = str(value).replace("\r\n", "\n").strip()
    if not is_storable(text):
        raise ValueError(_("This holds a character that cannot be stored."))
    if len(text) > _LONGEST_BODY:
        raise ValueError(
            _("At most %(count)d characters; these are %(length)d.") % {"count": _LONGEST_BODY, "length": len(text)}
        )
    return text


def _secret(value: object) -> str:
    return clean_text(value, at_most=500)


_FIELDS: Mapping[str, Callable[[object], str | None]] = {
    "name": clean_name,
    "url": clean_url,
    "method": _method,
    "body": _body,
    "recovery_body": _body,
    "secret": _secret,
    "language": clean_language,
}


def create_webhook(
    *,
    by: Actor,
    now: datetime,
    name: str,
    url: str,
    method: str = "POST",
    headers: Pairs | None = None,
    parameters: Pairs | None = None,
    body: str = "",
    recovery_body: str = "",
    secret: str = "",
    language: str = "",
    is_enabled: bool = True,
) -> Webhook:
    """Everything that may hold a token is stored encrypted and never shown again. InvalidInputError names the fields.

    An empty `body` sends the whole alert as JSON; an empty `recovery_body` is the `body`.
    """
    typed = {"name": name, "url": url, "method": method, "body": body, "recovery_body": recovery_body}
    cleaned: dict[str, Any] = dict(clean({**typed, "secret": secret, "language": language}, _FIELDS))
    cleaned |= {
        field: _stored(field, pairs or {}, {}) for field, pairs in (("headers", headers), ("parameters", parameters))
    }
    webhook = Webhook(**cleaned, is_enabled=is_enabled, created_at=now)
    _refuse_unusable(webhook, cleaned)
    with transaction.atomic():
        with naming_duplicates(lambda: _duplicate(webhook)):
            webhook.object = NotificationObject.objects.create(kind=NotificationObject.Kind.WEBHOOK)
            webhook.save(force_insert=True)
        changes = {field: ("", _shown(field, value)) for field, value in cleaned.items() if value}
        changes["is_enabled"] = ("", str(is_enabled))
        audit.record(by=by, action=Action.CREATE, instance=webhook, changes=changes)
    return webhook


def update_webhook(
    *,
    by: Actor,
    now: datetime,
    webhook_id: int,
    version: int | None,
    name: str | None = None,
    url: str | None = None,
    method: str | None = None,
    headers: Pairs | None = None,
    parameters: Pairs | None = None,
    body: str | None = None,
    recovery_body: str | None = None,
    secret: str | None = None,
    language: str | None = None,
    is_enabled: bool | None = None,
) -> Webhook:
    """What is None stays, and so does a header or parameter whose value is `***`; an empty `secret` removes it.

    ConflictError when `version` is not the row's. InvalidInputError also when stored values would go to another host:
    whoever may change the address shall not read them there.
    """
    given = {"name": name, "url": url, "method": method, "body": body, "recovery_body": recovery_body}
    given |= {"secret": secret, "language": language}
    cleaned: dict[str, Any] = dict(
        clean({field: value for field, value in given.items() if value is not None}, _FIELDS)
    )
    if is_enabled is not None:
        cleaned["is_enabled"] = is_enabled
    with transaction.atomic():
        webhook = _locked(webhook_id, version)
        for field, pairs in (("headers", headers), ("parameters", parameters)):
            if pairs is not None:
                cleaned[field] = _stored(field, pairs, json.loads(getattr(webhook, field) or "{}"))
        is_moved = "url" in cleaned and _origin(cleaned["url"]) != _origin(webhook.url)
        taken = _taken_along(webhook, {"headers": headers, "parameters": parameters}) if is_moved else {}
        before = {field: getattr(webhook, field) for field in cleaned if getattr(webhook, field) != cleaned[field]}
        if not before:
            return webhook
        for field in before:
            setattr(webhook, field, cleaned[field])
        if not {*WEBHOOK_CONFIG}.isdisjoint(before):
            _refuse_unusable(webhook, before)
        if taken:
            text = _("The URL leads to another host. Enter the value again that it shall get: %(names)s.")
            raise InvalidInputError({field: text % {"names": ", ".join(names)} for field, names in taken.items()})
        webhook.version += 1
        with naming_duplicates(lambda: _duplicate(webhook)):
            webhook.save(update_fields=[*before, "version"])
        changes = {field: (_shown(field, old), _shown(field, cleaned[field])) for field, old in before.items()}
        audit.record(by=by, action=Action.UPDATE, instance=webhook, changes=changes)
    return webhook


def delete_webhooks(*, by: Actor, now: datetime, ids: Collection[int], version: int | None = None) -> tuple[Use, ...]:
    """Returns what used the webhooks. ConflictError when `version` is not the row's."""
    with transaction.atomic():
        secrets = ("url", "secret", "headers", "parameters")
        webhooks = list(Webhook.objects.select_for_update().filter(pk__in=ids).order_by("pk").defer(*secrets))
        return delete_objects(by=by, rows=webhooks, version=version)


def _stored(field: str, pairs: Pairs, old: Pairs) -> str:
    """JSON, "" for none. `old`: what `***` stands for; InvalidInputError where it stands for nothing."""
    if unknown := [name for name, value in pairs.items() if value == KEPT and name not in old]:
        text = _("%(kept)s stands for what is stored, and nothing is stored for: %(names)s. Enter the value.")
        raise InvalidInputError({field: text % {"kept": KEPT, "names": ", ".join(unknown)}})
    if not all(is_storable(name + value) for name, value in pairs.items()):
        raise InvalidInputError({field: _("This holds a character that cannot be stored.")})
    merged = {name: old[name] if value == KEPT else value for name, value in pairs.items()}
    return json.dumps(merged, ensure_ascii=False) if merged else ""


def _taken_along(webhook: Webhook, given: Mapping[str, Pairs | None]) -> dict[str, list[str]]:
    """Field -> the names whose stored values would stay."""
    found = {}
    for field, pairs in given.items():
        stored = json.loads(getattr(webhook, field) or "{}")
        if kept := [name for name in stored if pairs is None or pairs.get(name) == KEPT]:
            found[field] = kept
    return found


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower()


def _refuse_unusable(webhook: Webhook, changed: Collection[str]) -> None:
    provider = PROVIDERS["webhook"]
    problems = provider.problems(
        {field: getattr(webhook, field) for field in WEBHOOK_CONFIG if getattr(webhook, field)}
    )
    if not problems and "url" in changed and (problem := private_problem(webhook.url)):
        problems = {"url": problem}
    if problems:
        raise InvalidInputError(problems)


def _locked(webhook_id: int, version: int | None) -> Webhook:
    webhook = existing(
        Webhook.objects.select_for_update().filter(pk=webhook_id).first(), _("There is no such webhook.")
    )
    refuse_changed(version, [webhook])
    return webhook


def _duplicate(webhook: Webhook) -> DuplicateError:
    other = Webhook.objects.exclude(pk=webhook.pk).filter(name=webhook.name).only("name").first()
    return duplicates({"name": (webhook.name, (other.pk, other.name) if other else None)})


def _shown(field: str, value: object) -> str:
    """As an audit entry keeps it."""
    return "***" if field in _SECRETS and value else str(value)
