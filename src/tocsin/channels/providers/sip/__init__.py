"""Calls over a SIP trunk or a PBX, without any vendor: baresip places them, espeak-ng speaks. docs/recipes/sip.md."""

from __future__ import annotations

from datetime import timedelta

from tocsin.channels.base import Capabilities, Config, Provider, ProviderType
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.sip.account import FIELDS, check, from_url, settings_of
from tocsin.channels.providers.sip.phone import SipPhone

_JUDGED_WITHIN = timedelta(seconds=20)
"""After it was answered it is known whether a person did, at the latest."""
_LONGEST_CALL = timedelta(seconds=170)
_LINES_AWAITED = 64
"""Calls that may wait for a free line at once; those wait in the adapter, which says when it takes too long."""


def _build(config: Config, _http: HttpClient) -> Provider:
    return SipPhone(settings_of(config))


def _capabilities(config: Config) -> Capabilities:
    settings = settings_of(config)
    known = _LONGEST_CALL if settings.machines == "key" else _JUDGED_WITHIN
    return Capabilities(
        has_receipts=True,
        receipt_within=timedelta(seconds=settings.ring_for) + known,
        carries_links=False,
        concurrency=_LINES_AWAITED,
    )


_CAPABILITIES = Capabilities(
    has_receipts=True, receipt_within=timedelta(seconds=50), carries_links=False, concurrency=_LINES_AWAITED
)

SIP = ProviderType(
    name="sip",
    title="SIP trunk",
    channel=Channel.PHONE,
    capabilities=_CAPABILITIES,
    fields=FIELDS,
    build=_build,
    check=check,
    from_url=from_url,
    reports=True,
    capabilities_for=_capabilities,
)
