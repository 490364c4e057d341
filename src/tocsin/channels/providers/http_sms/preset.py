"""Presets: how one gateway is spoken to, checked and compiled once. What is wrong with one is found on loading."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import yaml

from tocsin.channels.base import Capabilities, Limit, Outcome, ReceiptStatus
from tocsin.channels.providers.http_sms.expressions import Expression, ExpressionError, condition, value
from tocsin.channels.providers.http_sms.schema import (
    ExtraSection,
    PresetFile,
    ReceiptsSection,
    RepliesSection,
    RequestSection,
)
from tocsin.core.sentences import Sentence

_NO_PRESET = Sentence("There is no preset %(name)s; there are %(names)s, or give the path of a YAML file.")
_NO_FILE = Sentence("%(name)s cannot be read: there is no such file, or it may not be opened.")
_NO_TEXT = Sentence("%(path)s cannot be read as text.")
_NO_YAML = Sentence("This is not YAML: %(problem)s")
_NOT_UNDERSTOOD = Sentence("The preset is not understood: %(problem)s")
_NO_FIELD = Sentence("needs: an account has no field %(names)s.")
_NO_REFERENCE = Sentence("receipts: give `reference` (ours) or `id` (the gateway's), or nothing can be matched.")
_ONE_BODY = Sentence("request: a request has one of form, json and body.")
_GET_WITH_BODY = Sentence("request: a GET has no form, json or body; use query.")
_NO_FORM = Sentence("request.extra: form entries need a form.")
_UNKNOWN_NAME = Sentence("request: %(name)s is not known; there are %(names)s.")

ACCOUNT_NAMES = ("url", "username", "password", "key", "sender", "route", "basic")
MESSAGE_NAMES = (
    "to",
    "to_digits",
    "to_national",
    "text",
    "text_xml",
    "encoding",
    "parts",
    "reference",
    "receipt_url",
    "language",
)
REPLY_NAMES = ("status", "body", "json", "headers")
CALLBACK_NAMES = ("query", "form", "json", "headers", "body", "item")
_SECRET_NAMES = ("password", "key", "basic")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_FOLDER = Path(__file__).parent / "presets"


class PresetError(ValueError):
    """What is wrong with a preset, and where."""


@dataclass(frozen=True, slots=True)
class Error:
    when: Expression
    outcome: Outcome
    retry_after: timedelta | None


@dataclass(frozen=True, slots=True)
class ReplyRules:
    success: Expression
    id: Expression | None
    code: Expression | None
    detail: Expression | None
    errors: tuple[Error, ...]

    @property
    def needs_json(self) -> bool:
        """Without JSON the verdict cannot be read."""
        return "json" in self.success.roots


@dataclass(frozen=True, slots=True)
class ReceiptRules:
    each: str
    statuses: tuple[tuple[Expression, ReceiptStatus], ...]
    reference: Expression | None
    id: Expression | None
    code: Expression | None
    detail: Expression | None
    at: Expression | None
    answer_type: str
    answer_body: bytes


@dataclass(frozen=True, slots=True)
class RepliesRules:
    each: str
    when: Expression
    sender: Expression
    text: Expression
    id: Expression | None


@dataclass(frozen=True, slots=True)
class Preset:
    title: str
    needs: tuple[str, ...]
    max_parts: int
    request: RequestSection
    extras: tuple[tuple[Expression, ExtraSection], ...]
    reply: ReplyRules
    receipts: ReceiptRules | None
    replies: RepliesRules | None
    capabilities: Capabilities


def built_in_names() -> list[str]:
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load(name: str) -> Preset:
    """A built-in preset by name, or a file by its path; read again when it changed. PresetError says what is wrong."""
    path = _FOLDER / f"{name}.yaml" if name in built_in_names() else Path(name)
    if path.suffix not in (".yaml", ".yml"):
        raise PresetError(_NO_PRESET % {"name": name, "names": ", ".join(built_in_names())})
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        raise PresetError(_NO_FILE % {"name": name}) from None
    return _load(str(path), changed)


@lru_cache(maxsize=64)
def _load(path: str, _changed: int) -> Preset:
    try:
        return parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise PresetError(_NO_TEXT % {"path": path}) from None


def parse(source: str) -> Preset:
    try:
        file = msgspec.convert(yaml.safe_load(source), PresetFile)
    except yaml.YAMLError as error:
        raise PresetError(_NO_YAML % {"problem": error}) from None
    except msgspec.ValidationError as error:
        raise PresetError(_NOT_UNDERSTOOD % {"problem": error}) from None
    if unknown := set(file.needs) - set(ACCOUNT_NAMES):
        raise PresetError(_NO_FIELD % {"names": ", ".join(sorted(unknown))})
    _check_request(file.request)
    try:
        return _compiled(file)
    except ExpressionError as error:
        raise PresetError(str(error)) from None


def fill(template: str, names: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: names[match.group(1)], template)


def fill_address(template: str, names: Mapping[str, str]) -> str:
    """The same in a web address: what is filled in stays one part of it, but for the address of the account itself."""

    def part(name: str) -> str:
        return names[name] if name == "url" else quote(names[name], safe="")

    return _PLACEHOLDER.sub(lambda match: part(match.group(1)), template)


def filled(entries: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """Without the entries that consist of placeholders alone and come out empty."""
    texts = {name: fill(template, names) for name, template in entries.items()}
    return {name: text for name, text in texts.items() if text or not _PLACEHOLDER.search(entries[name])}


def fill_deep(template: Any, names: Mapping[str, str]) -> Any:
    """The same inside JSON: every text in it is a template."""
    if isinstance(template, str):
        return fill(template, names)
    if isinstance(template, dict):
        texts = filled({key: inner for key, inner in template.items() if isinstance(inner, str)}, names)
        return {
            key: texts[key] if key in texts else fill_deep(inner, names)
            for key, inner in template.items()
            if key in texts or not isinstance(inner, str)
        }
    if isinstance(template, list):
        return [fill_deep(inner, names) for inner in template]
    return template


def _compiled(file: PresetFile) -> Preset:
    reply, receipts = file.reply, file.receipts
    facts = tuple(name for name in (*ACCOUNT_NAMES, *MESSAGE_NAMES) if name not in _SECRET_NAMES)
    return Preset(
        title=file.title,
        needs=file.needs,
        max_parts=file.max_parts,
        request=file.request,
        extras=tuple((condition(extra.when, facts), extra) for extra in file.request.extra),
        reply=ReplyRules(
            success=condition(reply.success, REPLY_NAMES),
            id=_optional(reply.id, REPLY_NAMES),
            code=_optional(reply.code, REPLY_NAMES),
            detail=_optional(reply.detail, REPLY_NAMES),
            errors=tuple(
                Error(
                    condition(error.when, REPLY_NAMES),
                    Outcome(error.outcome),
                    timedelta(seconds=error.retry_after) if error.retry_after is not None else None,
                )
                for error in reply.errors
            ),
        ),
        receipts=_compiled_receipts(receipts) if receipts else None,
        replies=_compiled_replies(file.replies) if file.replies else None,
        capabilities=Capabilities(
            has_receipts=receipts is not None,
            receipt_within=timedelta(seconds=receipts.within) if receipts else None,
            carries_links=file.carries_links,
            concurrency=file.concurrency,
            limit=Limit(file.limit.count, timedelta(seconds=file.limit.seconds)) if file.limit else None,
        ),
    )


def _compiled_receipts(receipts: ReceiptsSection) -> ReceiptRules:
    if not receipts.reference and not receipts.id:
        raise PresetError(_NO_REFERENCE)
    return ReceiptRules(
        each=receipts.each,
        statuses=tuple((condition(entry.when, CALLBACK_NAMES), entry.status) for entry in receipts.statuses),
        reference=_optional(receipts.reference, CALLBACK_NAMES),
        id=_optional(receipts.id, CALLBACK_NAMES),
        code=_optional(receipts.code, CALLBACK_NAMES),
        detail=_optional(receipts.detail, CALLBACK_NAMES),
        at=_optional(receipts.at, CALLBACK_NAMES),
        answer_type=receipts.answer.content_type,
        answer_body=receipts.answer.body.encode(),
    )


def _compiled_replies(replies: RepliesSection) -> RepliesRules:
    return RepliesRules(
        each=replies.each,
        when=condition(replies.when, CALLBACK_NAMES),
        sender=value(replies.sender, CALLBACK_NAMES),
        text=value(replies.text, CALLBACK_NAMES),
        id=_optional(replies.id, CALLBACK_NAMES),
    )


def _optional(source: str, known: tuple[str, ...]) -> Expression | None:
    return value(source, known) if source else None


def _check_request(request: RequestSection) -> None:
    if sum(part is not None for part in (request.form, request.json, request.body)) > 1:
        raise PresetError(_ONE_BODY)
    if request.method == "GET" and (request.form is not None or request.json is not None or request.body is not None):
        raise PresetError(_GET_WITH_BODY)
    if request.form is None and any(extra.form for extra in request.extra):
        raise PresetError(_NO_FORM)
    sections = [request.headers, request.query, request.form or {}]
    sections += [section for extra in request.extra for section in (extra.headers, extra.query, extra.form)]
    for template in [request.url, request.body or "", *(text for section in sections for text in section.values())]:
        _check_names(template)
    _walk(request.json, _check_names)


def _check_names(template: str) -> None:
    known = (*ACCOUNT_NAMES, *MESSAGE_NAMES)
    if unknown := [name for name in _PLACEHOLDER.findall(template) if name not in known]:
        raise PresetError(_UNKNOWN_NAME % {"name": "{" + unknown[0] + "}", "names": ", ".join(known)})


def _walk(tree: Any, see: Callable[[str], None]) -> None:
    if isinstance(tree, str):
        see(tree)
    elif isinstance(tree, dict):
        for inner in tree.values():
            _walk(inner, see)
    elif isinstance(tree, list):
        for inner in tree:
            _walk(inner, see)
