"""The long tail: whatever Apprise writes to, by its URL. It never says more than that it tried. https://appriseit.com"""

from __future__ import annotations

import re
from datetime import timedelta
from importlib.util import find_spec

from tocsin.channels.base import Capabilities, Config, ConfigField, Limit, Provider, ProviderType
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.apprise.robot import AppriseRobot
from tocsin.core.sentences import Sentence

_NOT_INSTALLED = Sentence("Apprise is not installed: install tocsin[apprise].")
_WHOLE_URL = Sentence("Give the whole Apprise URL, like ntfy://topic or discord://id/token.")
_LOCAL = Sentence("%(schema)s:// writes to this very machine, and nothing is sent there.")
_OWN = Sentence(
    "%(schema)s:// is carried by Tocsin itself, which knows whether messages arrive: choose its own platform."
)
_NO_FILES = Sentence("Nothing is read out of files or looked up elsewhere: leave %(name)s out of the URL.")

_SCHEMA = re.compile(r"([a-z0-9]{2,20})://\S+", re.IGNORECASE)
LOCAL = frozenset({"blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"})
"""Schemas of desktops and devices of the machine that Tocsin runs on."""
OWN = frozenset(
    {
        "dingtalk", "feishu", "lark", "wecombot", "slack", "tgram", "mmost", "mmosts", "workflow", "workflows",
        "json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos",
    }
)  # fmt: skip
"""Schemas of what Tocsin has a provider for."""
_FILES = ("keyfile", "subfile", "pgpkey", "template", "path", "attach", "include", "config", "sshkey")
"""Parameters that name files. What gets by is refused when it is opened."""


def _build(config: Config, http: HttpClient) -> Provider:
    return AppriseRobot(config["address"], allow=http.allow)


def _check(config: Config) -> dict[str, str]:
    """Nothing of Apprise is loaded: a schema that it does not know, it tells when a message is sent."""
    if find_spec("apprise") is None:
        return {"address": _NOT_INSTALLED}
    found = _SCHEMA.fullmatch(config["address"].strip())
    if found is None:
        return {"address": _WHOLE_URL}
    schema = found[1].lower()
    if schema in LOCAL:
        return {"address": _LOCAL % {"schema": schema}}
    if schema in OWN:
        return {"address": _OWN % {"schema": schema}}
    for name in _FILES:
        if re.search(rf"[?&][-+:]?{name}=", config["address"], re.IGNORECASE):
            return {"address": _NO_FILES % {"name": name}}
    return {}


APPRISE = ProviderType(
    name="apprise",
    title="Apprise",
    channel=Channel.APPRISE,
    capabilities=Capabilities(
        # It says at most that a request was made.
        accepted_is_delivered=False,
        # Each message is a process of its own, which takes two seconds of a core.
        limit=Limit(10, timedelta(minutes=1)),
        concurrency=1,
        worker_concurrency=4,
    ),
    fields=(
        ConfigField(
            "address",
            "Apprise URL",
            is_secret=True,
            help="Like ntfy://topic; it may hold tokens, so it is stored encrypted.",
        ),
    ),
    build=_build,
    check=_check,
    is_for_robots=True,
)
