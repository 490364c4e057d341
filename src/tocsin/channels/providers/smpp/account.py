"""What an SMPP account is set up with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from tocsin.channels.base import Config, ConfigField
from tocsin.channels.providers.smpp.pdu import Address
from tocsin.core.sentences import Sentence

_HOST_ALONE = Sentence("Write a host name or address alone, like smsc.example.org.")
_BAD_PORT = Sentence("A port is a number from 1 to 65535.")
_UP_TO = Sentence("At most %(most)d characters of ASCII.")
_SENDER = Sentence("A number like +8610086 or 10086, or a name of at most 11 letters and digits.")
_TYPE = Sentence("auto, or type and plan of a number like 1/1: 0 to 6, and 0 to 18.")
_FROM_TO = Sentence("A number from %(least)s to %(most)s.")
_NO_FILE = Sentence("There is no such file on this machine.")

FIELDS = (
    ConfigField("host", "SMSC", help="The operator's host name or address."),
    ConfigField("port", "Port", default="2775"),
    ConfigField("system_id", "System ID"),
    ConfigField("password", "Password", is_secret=True, is_required=False),
    ConfigField("system_type", "System type", is_required=False, help="Only where the operator names one."),
    ConfigField("security", "Encryption", default="none", choices=("none", "tls")),
    ConfigField("verify", "Verify the certificate", default="yes", choices=("yes", "no")),
    ConfigField("ca_file", "Certificate authority (PEM file)", is_required=False),
    ConfigField("sender", "Sender", is_required=False, help="A number, a short code or a name; empty: the operator's."),
    ConfigField("sender_type", "Sender's type/plan (TON/NPI)", default="auto", help="auto: as the sender looks."),
    ConfigField("number_type", "Numbers' type/plan (TON/NPI)", default="1/1", help="1/1: international, without +."),
    ConfigField(
        "alphabet",
        "SMSC's default alphabet",
        default="gsm7",
        choices=("gsm7", "latin1", "ucs2"),
        help="What its data coding 0 means; ucs2 sends everything as UCS-2. Chinese always goes as UCS-2.",
    ),
    ConfigField(
        "long_texts",
        "Long texts as",
        default="udh",
        choices=("udh", "sar", "payload"),
        help="Parts that the phone joins by headers (udh) or by parameters (sar), or one payload that the SMSC cuts.",
    ),
    ConfigField("max_parts", "Parts at most", default="3", help="1 to 10; what is longer is cut."),
    ConfigField(
        "message_ids",
        "Message IDs in receipts",
        default="auto",
        choices=("auto", "same", "hex_to_decimal", "decimal_to_hex"),
        help="Some SMSCs answer with hexadecimal IDs and name decimal ones in receipts. auto finds out.",
    ),
    ConfigField(
        "queries",
        "Can be asked (query_sm)",
        default="no",
        choices=("yes", "no"),
        help="For receipts that do not come. Needs a second connection for the moment of asking.",
    ),
    ConfigField("window", "Requests at once", default="10", help="1 to 100; as the operator allows."),
    ConfigField("enquire_after", "Seconds between signs of life", default="30", help="5 to 600."),
    ConfigField("timeout", "Seconds to wait for an answer", default="20", help="1 to 30."),
)  # fmt: skip

_HOST = re.compile(r"[\w.:-]+")
_LENGTHS = {"system_id": 64, "password": 64, "system_type": 12}
"""SMPP says 15 and 8; operators give longer ones."""
_NUMBERS = {"port": (1, 65535), "max_parts": (1, 10), "window": (1, 100), "enquire_after": (5, 600), "timeout": (1, 30)}
_SENDERS = re.compile(r"\+?\d{1,20}|(?=.*[A-Za-z])[A-Za-z0-9 ._-]{1,11}")
_TYPES = re.compile(r"[0-6]/(?:\d|1[0-8])")
_INTERNATIONAL, _NATIONAL_CODE, _NAMED = (1, 1), (3, 0), (5, 0)
_SHORTEST_NUMBER = 9


@dataclass(frozen=True, slots=True)
class Settings:
    """An account's settings, read."""

    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    system_type: str
    is_tls: bool
    is_verified: bool
    ca_file: str
    source: Address
    number_type: tuple[int, int]
    alphabet: str
    long_texts: str
    max_parts: int
    message_ids: str
    window: int
    enquires_after: float
    timeout: float

    def destination(self, e164: str) -> Address:
        return Address(e164.lstrip("+"), *self.number_type)


def settings_of(config: Config) -> Settings:
    """From a complete configuration that `check` has found nothing wrong with."""
    return Settings(
        host=config["host"],
        port=int(config["port"]),
        system_id=config["system_id"],
        password=config["password"],
        system_type=config["system_type"],
        is_tls=config["security"] == "tls",
        is_verified=config["verify"] == "yes",
        ca_file=config["ca_file"],
        source=_source(config["sender"], config["sender_type"]),
        number_type=_type(config["number_type"]) or _INTERNATIONAL,
        alphabet=config["alphabet"],
        long_texts=config["long_texts"],
        max_parts=int(config["max_parts"]),
        message_ids=config["message_ids"],
        window=int(config["window"]),
        enquires_after=float(config["enquire_after"]),
        timeout=float(config["timeout"]),
    )


def check(config: Config) -> Mapping[str, str]:
    found: dict[str, str] = {}
    if not _HOST.fullmatch(config["host"]) or not _has_labels(config["host"]):
        found["host"] = _HOST_ALONE
    for name, most in _LENGTHS.items():
        if not config[name].isascii() or len(config[name]) > most:
            found[name] = _UP_TO % {"most": most}
    for name, (least, highest) in _NUMBERS.items():
        value = config[name]
        if not (value.isascii() and value.isdigit() and len(value) < 6 and least <= int(value) <= highest):
            found[name] = _BAD_PORT if name == "port" else _FROM_TO % {"least": least, "most": highest}
    if config["sender"] and not _SENDERS.fullmatch(config["sender"]):
        found["sender"] = _SENDER
    for name in ("sender_type", "number_type"):
        if config[name] != "auto" and not _TYPES.fullmatch(config[name]):
            found[name] = _TYPE
    if config["ca_file"] and not Path(config["ca_file"]).is_file():
        found["ca_file"] = _NO_FILE
    return found


def _has_labels(host: str) -> bool:
    """Whether a resolver can be asked for it: no label is empty or longer than 63."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def from_url(url: str) -> dict[str, str]:
    """smpp://system_id:password@host:2775?sender=10086; smpps:// is TLS; other fields after the ?."""
    parts = urlsplit(url)
    if parts.scheme not in ("smpp", "smpps") or not parts.hostname:
        raise ValueError("An SMPP account's URL looks like smpp://system_id:password@smsc.example.org:2775.")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("The port of the URL is a number from 1 to 65535.") from None
    given = dict(parse_qsl(parts.query.replace("+", "%2B"), keep_blank_values=True))
    known = {setting.name for setting in FIELDS} - {"host", "port", "system_id", "password", "security"}
    if unknown := sorted(set(given) - known):
        raise ValueError(
            f"The URL has fields that an account does not know: {', '.join(unknown)}. "
            f"There are: {', '.join(sorted(known))}."
        )
    config = {
        "host": parts.hostname,
        "port": str(port or ""),
        "system_id": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "security": "tls" if parts.scheme == "smpps" else "",
        **given,
    }
    return {name: value for name, value in config.items() if value}


def _source(sender: str, kind: str) -> Address:
    number = sender.lstrip("+")
    if (given := _type(kind)) is not None:
        return Address(number, *given)
    if not number:
        return Address()
    if not number.isdigit():
        return Address(number, *_NAMED)
    is_long = sender.startswith("+") or len(number) >= _SHORTEST_NUMBER
    return Address(number, *(_INTERNATIONAL if is_long else _NATIONAL_CODE))


def _type(text: str) -> tuple[int, int] | None:
    if text == "auto":
        return None
    ton, _, npi = text.partition("/")
    return int(ton), int(npi)
