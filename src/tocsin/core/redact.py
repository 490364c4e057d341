"""Masks what logs, errors and pages for viewers must not show."""

from __future__ import annotations

import re

_HIDDEN = "***"

_PATH_TOKEN = re.compile(  # "/d/" also begins the addresses of Grafana's dashboards
    r"(?P<before>/(?:v|a|c|h|d(?=/[0-9A-Za-z]{22}\b)|calendar|integrations|hook|api/v1/events|callbacks/[\w-]+)/)"
    r"(?P<token>[^/\s?#\"'<>]+)"
)
_PARAMETER = re.compile(
    r"(?P<before>(?:^|[?&;\s\"'{,(])[\"']?(?:[\w-]{0,40}(?:token|secret|password|passwd|signature|credential)|key|api_?key"
    r"|access_?key(?:_?secret)?|sign|auth|pwd)[\"']?\s*[=:]\s*[\"']?)(?P<value>[^\s&;\"',})]+)",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(r"(?P<before>\b(?:bearer|basic)\s+)(?P<value>[\w.~+/=-]{8,})", re.IGNORECASE)
_HEADER = re.compile(r"(?P<before>\b(?:proxy-)?authorization[\"']?\s*[=:]\s*)(?P<value>[^\r\n]+)", re.IGNORECASE)
_USER_INFO = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]{1,20}://)[^\s/@]+@", re.IGNORECASE)


def mask_email(email: str) -> str:
    """`z***@example.org`; "" stays empty."""
    if not email:
        return ""
    local, _, domain = email.rpartition("@")
    return f"{local[:1] if len(local) > 1 else ''}{_HIDDEN}@{domain}"


def redact(text: str) -> str:
    """The text without credentials: tokens in our own paths and robots' URLs, parameters, headers, user:password@."""
    return redact_prose(_PATH_TOKEN.sub(rf"\g<before>{_HIDDEN}", text))


def redact_prose(text: str) -> str:
    """The same for what people and rules wrote, where a path is no token."""
    text = _HEADER.sub(rf"\g<before>{_HIDDEN}", text)
    text = _AUTHORIZATION.sub(rf"\g<before>{_HIDDEN}", text)
    text = _USER_INFO.sub(rf"\g<before>{_HIDDEN}@", text)
    return _PARAMETER.sub(rf"\g<before>{_HIDDEN}", text)
