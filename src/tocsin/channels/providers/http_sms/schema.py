"""What a preset's YAML may say. Unknown words are refused with their place; docs/sms-gateways.md explains each."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tocsin.channels.base import ReceiptStatus


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of what a file may say."""


class ExtraSection(_Strict, frozen=True):
    when: str
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    form: dict[str, str] = {}


class RequestSection(_Strict, frozen=True):
    url: str = "{url}"
    method: Literal["GET", "POST", "PUT"] = "POST"
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    form: dict[str, str] | None = None
    json: Any = None
    body: str | None = None
    extra: list[ExtraSection] = []


class ErrorSection(_Strict, frozen=True):
    when: str
    outcome: Literal["rate_limited", "transient", "permanent_target", "permanent_config", "ambiguous"]
    retry_after: int | None = None


class ReplySection(_Strict, frozen=True):
    success: str
    id: str = ""
    code: str = ""
    detail: str = ""
    errors: list[ErrorSection] = []


class StatusSection(_Strict, frozen=True):
    when: str
    status: ReceiptStatus


class AnswerSection(_Strict, frozen=True):
    content_type: str = "text/plain; charset=utf-8"
    body: str = ""


class ReceiptsSection(_Strict, frozen=True):
    statuses: list[StatusSection]
    each: str = ""
    reference: str = ""
    id: str = ""
    code: str = ""
    detail: str = ""
    at: str = ""
    answer: AnswerSection = AnswerSection()
    within: int = 3600


class RepliesSection(_Strict, frozen=True):
    when: str
    sender: str
    text: str
    each: str = ""
    id: str = ""


class LimitSection(_Strict, frozen=True):
    count: int
    seconds: int


class PresetFile(_Strict, frozen=True):
    title: str
    request: RequestSection
    reply: ReplySection
    needs: tuple[str, ...] = ("url",)
    max_parts: int = 3
    carries_links: bool = True
    concurrency: int = 16
    limit: LimitSection | None = None
    receipts: ReceiptsSection | None = None
    replies: RepliesSection | None = None
