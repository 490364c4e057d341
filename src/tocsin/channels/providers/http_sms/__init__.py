"""Text messages over any gateway that speaks HTTP: a preset in YAML says how. docs/sms-gateways.md has the format."""

from __future__ import annotations

from tocsin.channels.base import Capabilities, Config, ConfigField, Provider, ProviderType
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.http_sms.account import check, from_url, preset_of
from tocsin.channels.providers.http_sms.gateway import HttpSms, WithoutPreset
from tocsin.channels.providers.http_sms.preset import PresetError, built_in_names
from tocsin.channels.providers.http_sms.receipts import read_callback
from tocsin.core.sentences import Sentence

_PRESETS = Sentence("%(names)s, or the path of a YAML file on this machine.")

_FIELDS = (
    ConfigField(
        "preset",
        "Preset",
        help=_PRESETS % {"names": ", ".join(built_in_names())},
    ),
    ConfigField("url", "Gateway's address", is_required=False),
    ConfigField("username", "User name", is_required=False),
    ConfigField("password", "Password", is_secret=True, is_required=False),
    ConfigField("key", "API key", is_secret=True, is_required=False),
    ConfigField("sender", "Sender", is_required=False, help="A number or name that the gateway lets you send from."),
    ConfigField("route", "Route", is_required=False, help="What the gateway calls a connection or campaign."),
    ConfigField("max_parts", "Parts at most", is_required=False, help="A longer text is cut; the preset's unless set."),
    ConfigField("timeout", "Seconds to wait for an answer", default="10"),
)


_UNKNOWN = Capabilities(has_receipts=True)


def _build(config: Config, http: HttpClient) -> Provider:
    try:
        return HttpSms(config, preset_of(config), http)
    except PresetError as error:
        return WithoutPreset(str(error))


def _capabilities(config: Config) -> Capabilities:
    """A preset that cannot be read fails at the send, with its reason, not before."""
    try:
        return preset_of(config).capabilities
    except PresetError:
        return _UNKNOWN


HTTP_SMS = ProviderType(
    name="http_sms",
    title="HTTP SMS gateway",
    channel=Channel.SMS,
    capabilities=_UNKNOWN,
    fields=_FIELDS,
    build=_build,
    check=check,
    from_url=from_url,
    read_callback=read_callback,
    capabilities_for=_capabilities,
)
