"""What a SIP account is set up with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote

from tocsin.channels.base import Config, ConfigField
from tocsin.channels.texts import national_number
from tocsin.core.sentences import Sentence

_SERVER = Sentence("Give a host name or address, with a port where it is not 5060, like sip.example.com:5060.")
_USER = Sentence('A user has no blanks and none of @ : ; < > " ?')
_PASSWORD = Sentence("SIP passwords that hold a quotation mark or a backslash cannot be used; have it changed.")
_CALLER_ID = Sentence("A caller ID is a number like +862155501234, or the name of an extension.")
_FROM_TO = Sentence("A number from %(least)s to %(most)s.")
_NO_USER = Sentence("Registration needs a user; give one, or switch registration off.")
_DIAL = Sentence(
    "Use {e164}, {digits} or {national} once, as in 00{digits}; or one whole address like sip:ann@10.0.0.5."
)
_BLANK = Sentence("The path may have no blanks.")
_NO_FILE = Sentence("There is no such file on this machine.")
_EXTRA = Sentence("Calls need libraries that are not installed: pip install 'tocsin[sip]', then restart Tocsin.")

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?")
_NAME = re.compile(r"[^\s@:;<>\"?\\]+")
_PATTERN = re.compile(r"[+0-9*#]*\{(?:e164|digits|national)\}[0-9*#]*")
_ADDRESS = re.compile(r"sips?:[^\s@:;<>\"?\\]+@(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?")
_DIALLED = frozenset("+0123456789")
_TRANSPORTS: Mapping[str, Literal["udp", "tcp", "tls"]] = {"udp": "udp", "tcp": "tcp", "tls": "tls"}
_NUMBERS = {"ring_for": (5, 120), "lines": (1, 50)}
_URL = re.compile(r"(?P<scheme>sips?):(?:(?P<user>[^@:;?]*)(?::(?P<password>[^@?]*))?@)?(?P<host>[^;?/@]+)(?P<rest>.*)")

FIELDS = (
    ConfigField("server", "SIP server", help="The trunk's or PBX's host name, with a port where it is not 5060."),
    ConfigField("user", "User", is_required=False, help="The extension or trunk; empty where it knows our address."),
    ConfigField("password", "Password", is_secret=True, is_required=False),
    ConfigField("proxy", "Outbound proxy", is_required=False, help="Where requests go first, when not to the server."),
    ConfigField("transport", "Transport", default="udp", choices=tuple(_TRANSPORTS)),
    ConfigField("verify", "Verify the certificate", default="yes", choices=("yes", "no"), help="With TLS."),
    ConfigField(
        "ca_file", "Certificate authority (PEM file)", is_required=False, help="With TLS. Empty: those of this machine."
    ),
    ConfigField(
        "register",
        "Registration",
        default="yes",
        choices=("yes", "no"),
        help="Most PBXs and many trunks want it; trunks that know your address do not.",
    ),
    ConfigField(
        "caller_id", "Caller ID", is_required=False, help="What phones show; the trunk must allow it. Empty: the user."
    ),
    ConfigField("from_domain", "From domain", is_required=False, help="Where a trunk insists on one; else the server."),
    ConfigField(
        "dial",
        "Numbers are dialled as",
        default="{e164}",
        help="{e164} is +8613800000000, {digits} 8613800000000, {national} 13800000000; 9{national} puts a 9 "
        "before it. A whole address like sip:ann@10.0.0.5 gets every call: to try things out.",
    ),
    ConfigField("ring_for", "Rings for seconds", default="30", help="5 to 120; then nobody answered."),
    ConfigField("lines", "Calls at once", default="4", help="As many as the trunk allows, 1 to 50."),
    ConfigField(
        "machines",
        "Answering machines",
        default="listen",
        choices=("listen", "key", "off"),
        help="listen: long unbroken speech after the answer is a machine, which can be wrong either way. "
        "key: only a pressed key counts as an answer. off: whatever answers counts.",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """An account's settings, read."""

    server: str
    user: str
    password: str = field(repr=False)
    proxy: str
    transport: Literal["udp", "tcp", "tls"]
    is_verified: bool
    ca_file: str
    registers: bool
    caller_id: str
    from_domain: str
    dial: str
    ring_for: int
    lines: int
    machines: str

    @property
    def next_hop(self) -> str:
        """Host, with a port where one is given."""
        return self.proxy or self.server

    def address_of(self, e164: str) -> str:
        """The SIP address that is called for a number."""
        if self.dial.startswith(("sip:", "sips:")):
            return self.dial
        e164 = "".join(char for char in e164 if char in _DIALLED)
        number = self.dial.format(e164=e164, digits=e164.lstrip("+"), national=national_number(e164))
        return f"sip:{number}@{self.server}"


def settings_of(config: Config) -> Settings:
    """From a complete configuration that `check` has found nothing wrong with."""
    return Settings(
        server=config["server"],
        user=config["user"],
        password=config["password"],
        proxy=config["proxy"],
        transport=_TRANSPORTS[config["transport"]],
        is_verified=config["verify"] == "yes",
        ca_file=config["ca_file"],
        registers=config["register"] == "yes",
        caller_id=config["caller_id"],
        from_domain=config["from_domain"],
        dial=config["dial"],
        ring_for=int(config["ring_for"]),
        lines=int(config["lines"]),
        machines=config["machines"],
    )


def check(config: Config) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name in ("server", "proxy", "from_domain"):
        if config[name] and not _HOST.fullmatch(config[name]):
            found[name] = _SERVER
    if config["user"] and not _NAME.fullmatch(config["user"]):
        found["user"] = _USER
    if config["register"] == "yes" and not config["user"]:
        found["user"] = _NO_USER
    if any(char in config["password"] for char in '"\\'):
        found["password"] = _PASSWORD
    if config["caller_id"] and not _NAME.fullmatch(config["caller_id"]):
        found["caller_id"] = _CALLER_ID
    if not _PATTERN.fullmatch(config["dial"]) and not _ADDRESS.fullmatch(config["dial"]):
        found["dial"] = _DIAL
    for name, (least, most) in _NUMBERS.items():
        value = config[name]
        if not (value.isascii() and value.isdigit() and len(value) < 5 and least <= int(value) <= most):
            found[name] = _FROM_TO % {"least": least, "most": most}
    if config["ca_file"] and not Path(config["ca_file"]).is_file():
        found["ca_file"] = _NO_FILE
    if any(char.isspace() for char in config["ca_file"]):
        found["ca_file"] = _BLANK
    if not found and not is_installed():
        found["server"] = _EXTRA
    return found


def is_installed() -> bool:
    """Whether the extra is there; nothing is loaded."""
    return find_spec("baresip") is not None and find_spec("espeakng_loader") is not None


def from_url(url: str) -> dict[str, str]:
    """sip:user:password@host:5060;transport=tcp?caller_id=+862155501234; sips: is TLS; other fields after the ?."""
    read = _URL.fullmatch(url.strip())
    if read is None:
        raise ValueError("A SIP account's URL looks like sip:user:password@sip.example.com.")
    parameters, _, query = read["rest"].partition("?")
    config = {
        "server": read["host"],
        "user": unquote(read["user"] or ""),
        "password": unquote(read["password"] or ""),
        "transport": "tls" if read["scheme"] == "sips" else "",
    }
    for parameter in filter(None, parameters.strip("/").split(";")):
        name, _, value = parameter.partition("=")
        if name != "transport":
            raise ValueError(f"The URL has a parameter that an account does not know: {name}. Known is ;transport=.")
        config["transport"] = value.lower()
    given = dict(parse_qsl(query.replace("+", "%2B"), keep_blank_values=True))
    known = {setting.name for setting in FIELDS} - {"server", "user", "password"}
    if unknown := sorted(set(given) - known):
        raise ValueError(
            f"The URL has fields that an account does not know: {', '.join(unknown)}. "
            f"There are: {', '.join(sorted(known))}."
        )
    config |= given
    if not config["user"]:
        config.setdefault("register", "no")
    return {name: value for name, value in config.items() if value}
