"""Webhooks: `CreateOrUpdateWebhookContact`, `DescribeWebhookContacts`, `DeleteWebhookContact`, and the older
`CreateWebhook` and `UpdateWebhook`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from tocsin.accounts.rules import Permission
from tocsin.contacts.models import Webhook
from tocsin.contacts.services import create_webhook, delete_webhooks, update_webhook
from tocsin.core.errors import NotFoundError
from tocsin.web.arms.errors import invalid, missing
from tocsin.web.arms.masks import KEPT, changed_url, masked_url, sees_secrets
from tocsin.web.arms.operation import Answer, Caller, Operation
from tocsin.web.arms.paging import among, page_of
from tocsin.web.arms.parameters import Id, Paged, Request, given, read_ids, read_json

_METHODS = {"post": "POST", "get": "GET"}
_SHARED = {"url": "Url", "method": "Method", "body": "Body", "recovery_body": "RecoverBody"}
NAMES = {**_SHARED, "name": "WebhookName", "headers": "BizHeaders", "parameters": "BizParams"}
OLD_NAMES = {**_SHARED, "name": "ContactName", "headers": "HttpHeaders", "parameters": "HttpParams"}


class CreateOrUpdateWebhookContact(Request):
    webhook_name: str
    method: str
    url: str
    webhook_id: Id | UnsetType = UNSET
    biz_headers: str | UnsetType = UNSET
    biz_params: str | UnsetType = UNSET
    body: str | UnsetType = UNSET
    recover_body: str | UnsetType = UNSET


class CreateWebhook(Request):
    contact_name: str
    method: str
    url: str
    body: str
    http_headers: str = ""
    http_params: str = ""
    recover_body: str = ""


class UpdateWebhook(CreateWebhook, kw_only=True):
    contact_id: Id


class DeleteWebhookContact(Request):
    webhook_id: Id


class DescribeWebhookContacts(Paged):
    contact_ids: str | UnsetType = UNSET
    webhook_name: str = ""


def create_or_update(asked: CreateOrUpdateWebhookContact, caller: Caller) -> Answer:
    """What is omitted stays."""
    if asked.webhook_id is UNSET and asked.method.lower() == "post" and not asked.body:
        raise missing("Body")
    webhook = _write(
        caller,
        given(asked.webhook_id),
        name=asked.webhook_name,
        method=asked.method,
        url=asked.url,
        headers=None if asked.biz_headers is UNSET else _pairs("BizHeaders", asked.biz_headers),
        parameters=None if asked.biz_params is UNSET else _pairs("BizParams", asked.biz_params),
        body=given(asked.body),
        recovery_body=given(asked.recover_body),
    )
    content = _content(webhook, url=asked.url)
    content["BizHeaders"] = json.dumps(_listed(webhook.headers, is_whole=False))
    content["BizParams"] = json.dumps(_listed(webhook.parameters, is_whole=False))
    return {"WebhookContact": {"WebhookId": webhook.pk, "WebhookName": webhook.name, "Webhook": content}}


def create_old(asked: CreateWebhook, caller: Caller) -> Answer:
    return {"ContactId": str(_replace(caller, None, asked).pk)}


def update_old(asked: UpdateWebhook, caller: Caller) -> Answer:
    """What is omitted is cleared."""
    _replace(caller, asked.contact_id, asked)
    return {"IsSuccess": True}


def describe(asked: DescribeWebhookContacts, caller: Caller) -> Answer:
    found = among(Webhook.objects.order_by("pk"), asked.webhook_name, read_ids("ContactIds", asked.contact_ids))

    def shown(webhooks: Sequence[Webhook]) -> list[dict[str, Any]]:
        is_whole = sees_secrets(caller, webhooks, ("url", "headers", "parameters"))
        return [
            {
                "WebhookId": webhook.pk,
                "WebhookName": webhook.name,
                "Webhook": {
                    **_content(webhook, url=webhook.url if is_whole else masked_url(webhook.url)),
                    "BizHeaders": _map(webhook.headers, is_whole=is_whole),
                    "BizParams": _map(webhook.parameters, is_whole=is_whole),
                },
            }
            for webhook in webhooks
        ]

    return page_of(found, asked, "WebhookContacts", shown)


def delete(asked: DeleteWebhookContact, caller: Caller) -> Answer:
    if not Webhook.objects.filter(pk=asked.webhook_id).exists():
        raise NotFoundError("There is no such webhook.")
    delete_webhooks(by=caller.by, now=caller.now, ids=[asked.webhook_id])
    return {"IsSuccess": True}


def _replace(caller: Caller, webhook_id: int | None, asked: CreateWebhook) -> Webhook:
    return _write(
        caller,
        webhook_id,
        name=asked.contact_name,
        method=asked.method,
        url=asked.url,
        headers=_pairs("HttpHeaders", asked.http_headers),
        parameters=_pairs("HttpParams", asked.http_params),
        body=asked.body,
        recovery_body=asked.recover_body,
    )


def _write(
    caller: Caller,
    webhook_id: int | None,
    *,
    name: str,
    method: str,
    url: str,
    headers: Mapping[str, str] | None,
    parameters: Mapping[str, str] | None,
    body: str | None,
    recovery_body: str | None,
) -> Webhook:
    if method.lower() not in _METHODS:
        raise invalid("Method", "Method is Post or Get.")
    method = _METHODS[method.lower()]
    if webhook_id is None:
        return create_webhook(
            by=caller.by,
            now=caller.now,
            name=name,
            method=method,
            url=url,
            headers=headers,
            parameters=parameters,
            body=body or "",
            recovery_body=recovery_body or "",
        )
    stored = Webhook.objects.filter(pk=webhook_id).first()
    return update_webhook(
        by=caller.by,
        now=caller.now,
        webhook_id=webhook_id,
        version=None,
        name=name,
        method=method,
        url=changed_url(url, stored.url) if stored is not None else None,
        headers=headers,
        parameters=parameters,
        body=body,
        recovery_body=recovery_body,
    )


def _pairs(name: str, text: str) -> dict[str, str]:
    """`[{"a": "1"}, {"b": "2"}]`, as documented, or one object with all."""
    if not text.strip():
        return {}
    found = read_json(name, text, list[dict[str, str]] | dict[str, str], has_free_names=True)  # type: ignore[arg-type]
    items = [found] if isinstance(found, dict) else found
    return {key: value for item in items for key, value in item.items()}


def _content(webhook: Webhook, *, url: str) -> dict[str, Any]:
    return {
        "Url": url,
        "Method": webhook.method.capitalize(),
        "Body": webhook.body,
        "RecoverBody": webhook.recovery_body,
    }


def _map(stored: str, *, is_whole: bool) -> dict[str, str]:
    pairs: dict[str, str] = json.loads(stored or "{}")
    return pairs if is_whole else dict.fromkeys(pairs, KEPT)


def _listed(stored: str, *, is_whole: bool) -> list[dict[str, str]]:
    return [{name: value} for name, value in _map(stored, is_whole=is_whole).items()]


OPERATIONS = (
    Operation(CreateOrUpdateWebhookContact, Permission.MANAGE, create_or_update, NAMES),
    Operation(DescribeWebhookContacts, Permission.VIEW, describe),
    Operation(DeleteWebhookContact, Permission.MANAGE, delete),
    Operation(CreateWebhook, Permission.MANAGE, create_old, OLD_NAMES),
    Operation(UpdateWebhook, Permission.MANAGE, update_old, OLD_NAMES),
)
