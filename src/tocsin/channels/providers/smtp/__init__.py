"""Email over SMTP: one envelope recipient a message, so that each one's outcome is known."""

from __future__ import annotations

from dataclasses import replace

from tocsin.channels.base import Capabilities, Config, Provider, ProviderType
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.smtp.account import FIELDS, check, from_url, read
from tocsin.channels.providers.smtp.bounces import read_callback
from tocsin.channels.providers.smtp.sending import SmtpEmail

_CAPABILITIES = Capabilities(has_receipts=True, resend_is_safe=True, concurrency=8)
"""A receiver drops a second copy by its Message-ID. Receipts are bounces, where they are handed over."""


def _build(config: Config, _http: HttpClient) -> Provider:
    return SmtpEmail(read(config))


def _capabilities(config: Config) -> Capabilities:
    return replace(_CAPABILITIES, concurrency=read(config).connections, has_receipts=bool(config["bounces"]))


SMTP = ProviderType(
    name="smtp",
    title="SMTP",
    channel=Channel.EMAIL,
    capabilities=_CAPABILITIES,
    fields=FIELDS,
    build=_build,
    check=check,
    from_url=from_url,
    read_callback=read_callback,
    capabilities_for=_capabilities,
)
