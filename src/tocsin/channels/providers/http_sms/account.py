"""What an account of a gateway says."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from tocsin.channels.base import Config
from tocsin.channels.providers.http_sms.preset import Preset, PresetError, load
from tocsin.core.sentences import Sentence

_NEEDED = Sentence("%(preset)s needs this.")
_NO_ADDRESS = Sentence("Write a web address like http://gateway.example.org:13013/cgi-bin/sendsms.")
_FROM_ONE = Sentence("A number from 1 to %(most)d.")

_PARAMETERS = ("key", "sender", "route", "max_parts", "timeout")


def preset_of(config: Config) -> Preset:
    return load(config["preset"])


def check(config: Config) -> dict[str, str]:
    try:
        preset = preset_of(config)
    except PresetError as error:
        return {"preset": str(error)}
    found = {name: _NEEDED % {"preset": preset.title} for name in preset.needs if name in config and not config[name]}
    if config["url"] and not _is_web_address(config["url"]):
        found["url"] = _NO_ADDRESS
    for name, most in (("max_parts", 10), ("timeout", 60)):
        if config[name] and not (config[name].isascii() and config[name].isdigit() and 1 <= int(config[name]) <= most):
            found[name] = _FROM_ONE % {"most": most}
    return found


def from_url(url: str) -> dict[str, str]:
    """kannel+http://user:password@host:13013/cgi-bin/sendsms?sender=10086; the preset comes first."""
    preset, plus, address = url.partition("+")
    parts = urlsplit(address)
    if not plus or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            "An SMS gateway's URL names its preset first, like kannel+http://user:password@host:13013/cgi-bin/sendsms."
        )
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(set(given) - set(_PARAMETERS)):
        raise ValueError(
            f"The URL has parameters that an account does not know: {', '.join(unknown)}. "
            "What the gateway itself needs belongs into a preset."
        )
    config = {
        "preset": preset,
        "url": urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")),
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        **given,
    }
    return {name: text for name, text in config.items() if text}


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
