"""Text messages over SMPP 3.4, straight to an operator's SMSC. docs/recipes/smpp.md"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tocsin.channels.base import Capabilities, Config, Provider, ProviderType
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.smpp.account import FIELDS, check, from_url, settings_of
from tocsin.channels.providers.smpp.sms import SmppSms

_AT_ONCE = 64
"""Texts in hand; the window decides how many of them are on the way."""
_CAPABILITIES = Capabilities(has_receipts=True, receipt_within=timedelta(hours=1), concurrency=_AT_ONCE)


def _build(config: Config, _http: HttpClient) -> Provider:
    return SmppSms(settings_of(config))


def _capabilities(config: Config) -> Capabilities:
    return replace(_CAPABILITIES, can_be_asked=config["queries"] == "yes")


SMPP = ProviderType(
    name="smpp",
    title="SMPP 3.4",
    channel=Channel.SMS,
    capabilities=_CAPABILITIES,
    fields=FIELDS,
    build=_build,
    check=check,
    from_url=from_url,
    reports=True,
    stays_open=True,
    capabilities_for=_capabilities,
)
