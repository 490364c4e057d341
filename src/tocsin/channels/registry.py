"""Every provider, one row each. The only module that names them."""

from __future__ import annotations

from tocsin.channels.base import ProviderType
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.aliyun import ALIYUN_SMS, ALIYUN_VOICE
from tocsin.channels.providers.apprise import APPRISE
from tocsin.channels.providers.dingtalk import DINGTALK, DINGTALK_APP, DINGTALK_DING_PHONE, DINGTALK_DING_SMS
from tocsin.channels.providers.http_sms import HTTP_SMS
from tocsin.channels.providers.lark import LARK, LARK_APP, LARK_URGENT_PHONE, LARK_URGENT_SMS
from tocsin.channels.providers.mattermost import MATTERMOST
from tocsin.channels.providers.outbox import OUTBOX_EMAIL, OUTBOX_PHONE, OUTBOX_SMS
from tocsin.channels.providers.sip import SIP
from tocsin.channels.providers.slack import SLACK, SLACK_APP, SLACK_BOT
from tocsin.channels.providers.smpp import SMPP
from tocsin.channels.providers.smtp import SMTP
from tocsin.channels.providers.teams import TEAMS
from tocsin.channels.providers.telegram import TELEGRAM, TELEGRAM_APP
from tocsin.channels.providers.tencent import TENCENT_SMS
from tocsin.channels.providers.twilio import TWILIO_SMS, TWILIO_VOICE
from tocsin.channels.providers.webhook import WEBHOOK
from tocsin.channels.providers.wecom import WECOM, WECOM_APP
from tocsin.core.errors import NotFoundError
from tocsin.core.sentences import Sentence

_NO_PROVIDER = Sentence("There is no provider %(name)s; there are %(names)s.")

PROVIDERS: dict[str, ProviderType] = {
    kind.name: kind
    for kind in (
        SMTP,
        HTTP_SMS,
        SMPP,
        TWILIO_SMS,
        TWILIO_VOICE,
        SIP,
        ALIYUN_SMS,
        TENCENT_SMS,
        ALIYUN_VOICE,
        DINGTALK,
        DINGTALK_APP,
        DINGTALK_DING_PHONE,
        DINGTALK_DING_SMS,
        LARK,
        LARK_APP,
        LARK_URGENT_PHONE,
        LARK_URGENT_SMS,
        WECOM,
        WECOM_APP,
        SLACK,
        SLACK_BOT,
        SLACK_APP,
        TELEGRAM,
        TELEGRAM_APP,
        MATTERMOST,
        TEAMS,
        APPRISE,
        WEBHOOK,
        OUTBOX_SMS,
        OUTBOX_PHONE,
        OUTBOX_EMAIL,
    )
}


def provider_type(name: str) -> ProviderType:
    """NotFoundError for a name that no row has."""
    try:
        return PROVIDERS[name]
    except KeyError:
        names = ", ".join(sorted(kind.name for kind in PROVIDERS.values() if not kind.is_for_robots))
        raise NotFoundError(_NO_PROVIDER % {"name": name, "names": names}) from None


def robot_provider(platform: Channel | str, name: str = "") -> ProviderType | None:
    """What carries messages to robots of this platform: the kind of this name, or the first. None when nothing does."""
    return next((kind for kind in robot_providers(platform) if name in ("", kind.name)), None)


def robot_providers(platform: Channel | str) -> list[ProviderType]:
    """Every kind of robots that the platform has."""
    return [kind for kind in PROVIDERS.values() if kind.is_for_robots and kind.channel == platform]
