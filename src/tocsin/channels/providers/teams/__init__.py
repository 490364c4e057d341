"""Microsoft Teams, by a workflow of the channel. https://learn.microsoft.com/connectors/teams/"""

from __future__ import annotations

from datetime import timedelta

from tocsin.channels.base import Capabilities, Config, ConfigField, Limit, Provider, ProviderType
from tocsin.channels.groups import webhook_parts
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.teams.card import MAX_BYTES
from tocsin.channels.providers.teams.robot import TeamsRobot
from tocsin.core.sentences import Sentence

_WHOLE_URL = Sentence(
    "Paste the whole URL of the workflow that posts to the channel "
    "(Post to a channel when a webhook request is received)."
)


def _build(config: Config, http: HttpClient) -> Provider:
    return TeamsRobot(http, url=config["url"])


def _check(config: Config) -> dict[str, str]:
    parts = webhook_parts(config["url"])
    is_one = parts is not None and ("/workflows/" in parts.path or "/webhookb2/" in parts.path)
    return {} if is_one else {"url": _WHOLE_URL}


TEAMS = ProviderType(
    name="teams",
    title="Microsoft Teams workflow",
    channel=Channel.TEAMS,
    capabilities=Capabilities(
        # The workflow has taken it; what became of the card it does not say.
        accepted_is_delivered=False,
        # A connection of a workflow to Teams takes 100 calls a minute.
        limit=Limit(60, timedelta(minutes=1)),
        max_bytes=MAX_BYTES,
        concurrency=4,
    ),
    fields=(ConfigField("url", "Workflow URL", is_secret=True),),
    build=_build,
    check=_check,
    is_for_robots=True,
    hosts=(".logic.azure.com", ".api.powerplatform.com", ".webhook.office.com", ".logic.azure.us"),
)
