"""What an SMTP account says, and how it is read from a form or a URL."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from tocsin.channels.base import Config, ConfigField
from tocsin.core.sentences import Sentence

_HOST_ALONE = Sentence("Write a host name or address alone, like smtp.example.org.")
_BAD_PORT = Sentence("A port is a number from 1 to 65535.")
_BAD_SENDER = Sentence("Write an address like alerts@example.org, or Tocsin <alerts@example.org>.")
_BAD_ADDRESS = Sentence("Write an address like oncall@example.org.")
_UP_TO_64 = Sentence("A number from 1 to 64.")
_SECONDS = Sentence("A number of seconds from 1 to 30.")
_NO_PASS = Sentence("A user name needs a password.")
_NO_USER = Sentence("A password needs a user name.")
_NO_FILE = Sentence("There is no such file on this machine.")
_BAD_HELLO = Sentence("Write a host name, like alerts.example.org.")

FIELDS = (
    ConfigField("host", "Server"),
    ConfigField("port", "Port", is_required=False, help="587, or 465 with TLS, or 25 without encryption."),
    ConfigField(
        "security",
        "Encryption",
        default="auto",
        choices=("auto", "starttls", "tls", "none"),
        help="auto uses STARTTLS where the server offers it, and sends no password without it.",
    ),
    ConfigField("username", "User name", is_required=False),
    ConfigField("password", "Password", is_secret=True, is_required=False),
    ConfigField("from", "From", help="alerts@example.org or Tocsin <alerts@example.org>"),
    ConfigField("reply_to", "Reply to", is_required=False),
    ConfigField(
        "bounces",
        "Bounces to",
        is_required=False,
        help="A mailbox like bounces@example.org, whose mail is handed to Tocsin, also that to bounces+x@example.org.",
    ),
    ConfigField("connections", "Connections at once", default="8"),
    ConfigField("timeout", "Seconds to wait for an answer", default="20"),
    ConfigField("verify", "Verify the certificate", default="yes", choices=("yes", "no")),
    ConfigField("ca_file", "Certificate authority (PEM file)", is_required=False),
    ConfigField("hello", "Name in EHLO", is_required=False, help="The domain of From unless set."),
)
_LONGEST_BOUNCES = 200
_DEFAULT_PORTS = {"tls": 465, "none": 25}
_HOST = re.compile(r"[\w.:-]+")
_ADDRESS = re.compile(r"[^\s<>@,;:\"()\[\]\\]+@[^\s<>@,;:\"()\[\]\\]+")
_STARTTLS = {
    "auto": "auto",
    **dict.fromkeys(("always", "required", "yes", "true", "1"), "starttls"),
    **dict.fromkeys(("never", "no", "false", "0"), "none"),
}


@dataclass(frozen=True, slots=True)
class Account:
    """`sender` is a bare address, `sender_name` what people read beside it."""

    host: str
    port: int
    security: str
    username: str
    password: str = field(repr=False)
    sender: str
    sender_name: str
    reply_to: str
    bounces: str
    connections: int
    timeout: float
    is_verified: bool
    ca_file: str
    hello: str

    @property
    def domain(self) -> str:
        return ascii_domain(self.sender.rpartition("@")[2])

    def envelope_sender(self, token: str) -> str:
        """Where a bounce goes; with the message's token where bounces are read."""
        if not self.bounces or not token:
            return f"{self.sender.rpartition('@')[0]}@{self.domain}"
        local, _, domain = self.bounces.rpartition("@")
        return f"{local}+{token}@{ascii_domain(domain)}"


def read(config: Config) -> Account:
    """A configuration that `check` finds no fault with."""
    name, sender = parseaddr(config["from"])
    return Account(
        host=config["host"],
        port=int(config["port"] or _DEFAULT_PORTS.get(config["security"], 587)),
        security=config["security"],
        username=config["username"],
        password=config["password"],
        sender=sender,
        sender_name=name,
        reply_to=config["reply_to"],
        bounces=config["bounces"],
        connections=int(config["connections"]),
        timeout=float(config["timeout"]),
        is_verified=config["verify"] == "yes",
        ca_file=config["ca_file"],
        hello=config["hello"] or ascii_domain(sender.rpartition("@")[2]),
    )


def check(config: Config) -> dict[str, str]:
    found: dict[str, str] = {}
    if not _HOST.fullmatch(config["host"]):
        found["host"] = _HOST_ALONE
    if config["port"] and not _is_number(config["port"], 1, 65535):
        found["port"] = _BAD_PORT
    if not is_address(parseaddr(config["from"])[1]):
        found["from"] = _BAD_SENDER
    if config["reply_to"] and not is_address(config["reply_to"]):
        found["reply_to"] = _BAD_ADDRESS
    if config["bounces"] and not (is_address(config["bounces"]) and len(config["bounces"]) <= _LONGEST_BOUNCES):
        found["bounces"] = _BAD_ADDRESS
    if not _is_number(config["connections"], 1, 64):
        found["connections"] = _UP_TO_64
    if not _is_number(config["timeout"], 1, 30):
        found["timeout"] = _SECONDS
    if config["username"] and not config["password"]:
        found["password"] = _NO_PASS
    if config["password"] and not config["username"]:
        found["username"] = _NO_USER
    if config["ca_file"] and not Path(config["ca_file"]).is_file():
        found["ca_file"] = _NO_FILE
    if config["hello"] and not _HOST.fullmatch(config["hello"]):
        found["hello"] = _BAD_HELLO
    return found


def from_url(url: str) -> dict[str, str]:
    """smtp://user:password@host:port?from=a@b (smtps:// for TLS); more fields as parameters, `starttls` too."""
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("An SMTP URL looks like smtp://user:password@host:587?from=alerts@example.org.")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("The port of the URL is a number from 1 to 65535.") from None
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    starttls = given.pop("starttls", "")
    if starttls and starttls not in _STARTTLS:
        raise ValueError("starttls is auto, always or never.")
    allowed = {setting.name for setting in FIELDS} - {"host", "port", "username", "password"}
    if unknown := sorted(set(given) - allowed):
        raise ValueError(f"The URL has parameters that SMTP does not know: {', '.join(unknown)}.")
    username = unquote(parts.username or "")
    config = {
        "host": parts.hostname,
        "port": str(port or ""),
        "username": username,
        "password": unquote(parts.password or ""),
        "security": "tls" if parts.scheme == "smtps" else _STARTTLS.get(starttls, ""),
        "from": username if is_address(username) else "",
        **given,
    }
    return {name: value for name, value in config.items() if value}


def is_address(text: str) -> bool:
    """One bare address that can stand in an envelope: nothing in it can end the command or the header."""
    return len(text) <= 254 and bool(_ADDRESS.fullmatch(text)) and text.isprintable()


def ascii_domain(domain: str) -> str:
    """An international domain as DNS spells it; as it is when it cannot be."""
    try:
        return domain.encode("ascii").decode()
    except UnicodeEncodeError:
        try:
            return domain.encode("idna").decode()
        except UnicodeError:
            return domain


def _is_number(text: str, low: int, high: int) -> bool:
    return text.isascii() and text.isdigit() and low <= int(text) <= high
