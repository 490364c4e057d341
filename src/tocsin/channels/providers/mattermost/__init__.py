"""Incoming webhooks of Mattermost. https://developers.mattermost.com/integrate/webhooks/incoming/"""

from __future__ import annotations

import re
from datetime import timedelta

from tocsin.channels.base import Capabilities, Config, ConfigField, Limit, Provider, ProviderType
from tocsin.channels.groups import webhook_parts
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.mattermost.robot import MAX_BYTES, MattermostRobot
from tocsin.core.sentences import Sentence

_WHOLE_URL = Sentence("Paste the whole webhook URL that Mattermost shows: https://chat.example.org/hooks/...")
_NO_CHANNEL = Sentence("Give the channel's name as its address has it, without a #.")
_PATH = re.compile(r"/hooks/[\w-]+/?$")
_CHANNEL = re.compile(r"@?[A-Za-z0-9._-]{1,64}")


def _build(config: Config, http: HttpClient) -> Provider:
    return MattermostRobot(http, url=config["url"], channel=config["channel"])


def _check(config: Config) -> dict[str, str]:
    found: dict[str, str] = {}
    parts = webhook_parts(config["url"])
    if parts is None or not _PATH.search(parts.path):
        found["url"] = _WHOLE_URL
    if config["channel"] and not _CHANNEL.fullmatch(config["channel"]):
        found["channel"] = _NO_CHANNEL
    return found


MATTERMOST = ProviderType(
    name="mattermost",
    title="Mattermost webhook",
    channel=Channel.MATTERMOST,
    capabilities=Capabilities(
        accepted_is_delivered=True,
        # Mattermost takes ten requests a second by default; a channel that gets more than one is not read.
        limit=Limit(4, timedelta(seconds=4)),
        max_bytes=MAX_BYTES,
        concurrency=4,
    ),
    fields=(
        ConfigField("url", "Webhook URL", is_secret=True),
        ConfigField(
            "channel", "Channel", is_required=False, help="Only to post elsewhere than where the webhook does."
        ),
    ),
    build=_build,
    check=_check,
    is_for_robots=True,
)
