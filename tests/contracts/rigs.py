"""For each provider: a message, and a vendor that can be told how to fail. What the common suite runs over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from simulators.aliyun import AliyunSimulator
from simulators.dingtalk import DingtalkSimulator
from simulators.dingtalk_app import Colleague, DingtalkAppSimulator
from simulators.lark import LarkSimulator
from simulators.lark_app import LarkAppSimulator, Person
from simulators.mattermost import MattermostSimulator
from simulators.raw import RawServer, http_answer
from simulators.slack import SlackSimulator
from simulators.sms_gateway import SmsGatewaySimulator
from simulators.smsc import Smsc
from simulators.smtp import SmtpSimulator
from simulators.teams import TeamsSimulator
from simulators.telegram import TelegramSimulator
from simulators.tencent import TencentSimulator
from simulators.twilio import TwilioSimulator
from simulators.webhook import WebhookReceiver
from simulators.wecom import WecomSimulator
from simulators.wecom_app import WecomAppSimulator
from tests.contracts.sending import CALL, MAIL, ROBOT, SMS
from tocsin.channels.kinds import Channel

SECRET = "s3cret-Word-9"
HEARD = ("apprise", "sip")
"""What works there is a process of its own; they have suites of their own."""


def http_config(provider: str, url: str) -> dict[str, str]:
    if provider == "dingtalk":
        return {"url": f"{url}/robot/send?access_token={SECRET}", "secret": SECRET, "keyword": ""}
    if provider == "lark":
        return {"url": f"{url}/open-apis/bot/v2/hook/{SECRET}", "secret": SECRET, "keyword": ""}
    if provider in ("dingtalk_app", "dingtalk_ding_phone", "dingtalk_ding_sms"):
        return {"client_id": DingtalkAppSimulator.client_id, "client_secret": SECRET, "url": url, "old_url": url}
    if provider == "wecom_app":
        return {"corp_id": WecomAppSimulator.corp_id, "secret": SECRET, "url": url}
    if provider in ("lark_app", "lark_urgent_phone", "lark_urgent_sms"):
        return {"app_id": LarkAppSimulator.app_id, "app_secret": SECRET, "url": url}
    if provider == "wecom":
        return {"url": f"{url}/cgi-bin/webhook/send?key={SECRET}"}
    if provider == "slack":
        return {"url": f"{url}/services/T1/B1/{SECRET}"}
    if provider == "slack_bot":
        return {"token": f"xoxb-{SECRET}", "channel": "C0123ABCD", "api": f"{url}/api"}
    if provider == "slack_app":
        return {"token": f"xoxb-{SECRET}", "app_token": f"xapp-{SECRET}", "api": f"{url}/api"}
    if provider == "telegram_app":
        return {"token": f"123456:{SECRET}", "api": url}
    if provider == "telegram":
        return {"token": f"123456:{SECRET}", "chat": "-100200300", "api": url}
    if provider == "mattermost":
        return {"url": f"{url}/hooks/{SECRET}"}
    if provider == "teams":
        return {"url": f"{url}/workflows/1/triggers/manual/paths/invoke?sig={SECRET}"}
    if provider == "tencent_sms":
        return {
            "secret_id": TencentSimulator.key, "secret_key": SECRET, "url": url, "app_id": TencentSimulator.app_id,
            "sign_name": TencentSimulator.sign, "template_id": "1111",
            "template_params": '["{text}"]', "longest": "100",
        }  # fmt: skip
    if provider in ("aliyun_sms", "aliyun_voice"):
        config = {"access_key_id": AliyunSimulator.key, "access_key_secret": SECRET, "url": url}
        if provider == "aliyun_voice":
            return {**config, "tts_code": "TTS_ALERT", "tts_params": '{"said": "{text}"}'}
        return {
            **config, "sign_name": AliyunSimulator.sign, "template_code": "SMS_ALERT", "longest": "100",
            "template_params": '{"said": "{text}"}',
        }  # fmt: skip
    if provider in ("twilio_sms", "twilio_voice"):
        sid = TwilioSimulator.account_sid
        return {"account_sid": sid, "auth_token": SECRET, "url": url, "sender": TwilioSimulator.number}
    if provider == "webhook":
        return {"url": f"{url}/hook?key={SECRET}", "secret": SECRET}
    return {"preset": "kannel", "url": f"{url}/sendsms", "username": "tocsin", "password": SECRET}


MESSAGES = {
    "smtp": MAIL,
    "http_sms": SMS,
    "smpp": SMS,
    "twilio_sms": SMS,
    "aliyun_sms": SMS,
    "tencent_sms": SMS,
    "aliyun_voice": CALL,
    "twilio_voice": CALL,
    "dingtalk": ROBOT,
    "lark": replace(ROBOT, channel=Channel.LARK),
    "dingtalk_app": replace(ROBOT, to="cidops=="),
    "wecom_app": replace(ROBOT, channel=Channel.WECOM, to="ops"),
    "lark_urgent_phone": CALL,
    "lark_urgent_sms": SMS,
    "dingtalk_ding_phone": CALL,
    "dingtalk_ding_sms": SMS,
    "lark_app": replace(ROBOT, channel=Channel.LARK, to="oc_ops"),
    "wecom": replace(ROBOT, channel=Channel.WECOM),
    "slack": replace(ROBOT, channel=Channel.SLACK),
    "slack_bot": replace(ROBOT, channel=Channel.SLACK),
    "slack_app": replace(ROBOT, channel=Channel.SLACK, to="C0123ABCD"),
    "telegram_app": replace(ROBOT, channel=Channel.TELEGRAM, to="-100200300"),
    "telegram": replace(ROBOT, channel=Channel.TELEGRAM),
    "mattermost": replace(ROBOT, channel=Channel.MATTERMOST),
    "teams": replace(ROBOT, channel=Channel.TEAMS),
    "webhook": replace(ROBOT, channel=Channel.WEBHOOK),
}
OVER_HTTP = (
    "http_sms",
    "twilio_sms",
    "twilio_voice",
    "aliyun_sms",
    "aliyun_voice",
    "tencent_sms",
    "dingtalk",
    "lark",
    "lark_app",
    "lark_urgent_phone",
    "lark_urgent_sms",
    "dingtalk_app",
    "dingtalk_ding_phone",
    "dingtalk_ding_sms",
    "wecom_app",
    "wecom",
    "slack",
    "slack_bot",
    "slack_app",
    "telegram",
    "telegram_app",
    "mattermost",
    "teams",
    "webhook",
)
ANSWER_WITH_A_CODE = tuple(name for name in OVER_HTTP if name not in ("teams", "webhook"))
"""For the others HTTP's own status says all."""
GOOD_BODY = {
    "http_sms": (202, b"0: Accepted for delivery"),
    "twilio_sms": (201, b'{"sid":"SM1","status":"queued"}'),
    "aliyun_sms": (200, b'{"Code":"OK","Message":"OK","BizId":"1^2"}'),
    "tencent_sms": (200, b'{"Response":{"SendStatusSet":[{"Code":"Ok","SerialNo":"1"}],"RequestId":"1"}}'),
    "aliyun_voice": (200, b'{"Code":"OK","Message":"OK","CallId":"1^2"}'),
    "twilio_voice": (201, b'{"sid":"CA1","status":"queued"}'),
    "dingtalk": (200, b'{"errcode":0,"errmsg":"ok"}'),
    "lark": (200, b'{"code":0,"msg":"success","data":{}}'),
    "dingtalk_app": (200, b'{"processQueryKey":"abc"}'),
    "dingtalk_ding_phone": (200, b'{"openDingId":"abc","failedList":{}}'),
    "dingtalk_ding_sms": (200, b'{"openDingId":"abc","failedList":{}}'),
    "lark_urgent_phone": (200, b'{"code":0,"msg":"success","data":{"invalid_user_id_list":[]}}'),
    "lark_urgent_sms": (200, b'{"code":0,"msg":"success","data":{"invalid_user_id_list":[]}}'),
    "wecom_app": (200, b'{"errcode":0,"errmsg":"ok"}'),
    "lark_app": (200, b'{"code":0,"msg":"success","data":{"message_id":"om_1"}}'),
    "wecom": (200, b'{"errcode":0,"errmsg":"ok"}'),
    "slack": (200, b"ok"),
    "slack_bot": (200, b'{"ok":true,"channel":"C0123ABCD","ts":"1.2"}'),
    "slack_app": (200, b'{"ok":true,"channel":"C0123ABCD","ts":"1.2"}'),
    "telegram_app": (200, b'{"ok":true,"result":{"message_id":1,"chat":{"id":-100}}}'),
    "telegram": (200, b'{"ok":true,"result":{"message_id":1,"chat":{"id":-100}}}'),
    "mattermost": (200, b"ok"),
    "teams": (202, b""),
    "webhook": (200, b"ok"),
}


_LARK_TOKEN = http_answer(200, b'{"code":0,"msg":"ok","tenant_access_token":"t-made-up","expire":7200}')
_LARK_PERSON = http_answer(
    200, b'{"code":0,"msg":"ok","data":{"user_list":[{"mobile":"13800000000","user_id":"ou_wang"}]}}'
)
_LARK_SENT = http_answer(200, b'{"code":0,"msg":"success","data":{"message_id":"om_1"}}')
_DING_OLD = http_answer(200, b'{"errcode":0,"errmsg":"ok","access_token":"made-up-old-token","expires_in":7200}')
_DING_PERSON = http_answer(200, b'{"errcode":0,"errmsg":"ok","result":{"userid":"wang"}}')
_DING_TOKEN = http_answer(200, b'{"accessToken":"made-up-token","expireIn":7200}')
_FIRST = {
    "dingtalk_app": (_DING_TOKEN,),
    "dingtalk_ding_phone": (_DING_OLD, _DING_PERSON, _DING_TOKEN),
    "dingtalk_ding_sms": (_DING_OLD, _DING_PERSON, _DING_TOKEN),
    "lark_app": (_LARK_TOKEN,),
    "lark_urgent_phone": (_LARK_TOKEN, _LARK_PERSON, _LARK_SENT),
    "lark_urgent_sms": (_LARK_TOKEN, _LARK_PERSON, _LARK_SENT),
    "wecom_app": (http_answer(200, b'{"errcode":0,"errmsg":"ok","access_token":"made-up-token","expires_in":7200}'),),
}
"""What a vendor answers before the message itself is given to it: an access token, who a person is."""


def raw(provider: str, answer: bytes | str) -> RawServer:
    """A vendor that does so with a message."""
    return RawServer(*_FIRST.get(provider, ()), answer)


@contextmanager
def working(provider: str) -> Iterator[tuple[dict[str, str], list[str]]]:
    """A vendor that takes everything; the list shows the texts that it got."""
    texts: list[str] = []
    if provider == "smtp":
        with SmtpSimulator(user="tocsin", password=SECRET) as mail:
            yield {**_smtp(mail), "username": "tocsin", "password": SECRET}, texts
            texts += [message.part("plain") for message in mail.messages]
    elif provider == "smpp":
        with Smsc() as smsc:
            smsc.password = SECRET
            yield smsc.config, texts
            texts += [text for _to, text in smsc.texts()]
    elif provider == "dingtalk":
        with DingtalkSimulator(token=SECRET, secret=SECRET) as group:
            yield {"url": group.webhook, "secret": SECRET}, texts
            texts += [message.text for message in group.messages]
    elif provider == "lark":
        with LarkSimulator(token=SECRET, secret=SECRET) as group:
            yield {"url": group.webhook, "secret": SECRET}, texts
            texts += [message.text for message in group.messages]
    elif provider == "dingtalk_app":
        with DingtalkAppSimulator(secret=SECRET) as robots:
            yield robots.config, texts
            texts += [message.text for message in robots.messages]
    elif provider == "wecom_app":
        with WecomAppSimulator(secret=SECRET) as corp:
            yield corp.config, texts
            texts += [message.text for message in corp.messages]
    elif provider in ("lark_urgent_phone", "lark_urgent_sms"):
        with LarkAppSimulator(secret=SECRET, people={"Wang": Person("ou_wang", mobile=SMS.to)}) as app:
            yield app.config, texts
            texts += [message.text for message in app.messages]
    elif provider in ("dingtalk_ding_phone", "dingtalk_ding_sms"):
        wang = Colleague("wang", mobile=SMS.to.removeprefix("+86"))
        with DingtalkAppSimulator(secret=SECRET, people={"Wang": wang}) as robots:
            yield robots.config, texts
            texts += [ding.content for ding in robots.dings]
    elif provider == "lark_app":
        with LarkAppSimulator(secret=SECRET) as app:
            yield app.config, texts
            texts += [message.text for message in app.messages]
    elif provider == "wecom":
        with WecomSimulator(key=SECRET) as group:
            yield {"url": group.webhook}, texts
            texts += [message.text for message in group.messages]
    elif provider == "slack_app":
        with SlackSimulator(token=f"xoxb-{SECRET}") as slack:
            slack.app_token = f"xapp-{SECRET}"
            yield slack.config, texts
            texts += [message.text for message in slack.messages]
    elif provider == "telegram_app":
        with TelegramSimulator(token=f"123456:{SECRET}") as telegram:
            yield telegram.config, texts
            texts += [message.text for message in telegram.messages]
    elif provider in ("slack", "slack_bot"):
        with SlackSimulator(token=f"xoxb-{SECRET}", hook=SECRET) as slack:
            yield slack.settings if provider == "slack_bot" else {"url": slack.webhook}, texts
            texts += [message.text for message in slack.messages]
    elif provider == "telegram":
        with TelegramSimulator(token=f"123456:{SECRET}") as telegram:
            yield telegram.settings, texts
            texts += [message.text for message in telegram.messages]
    elif provider == "mattermost":
        with MattermostSimulator(hook=SECRET) as mattermost:
            yield {"url": mattermost.webhook}, texts
            texts += [message.text for message in mattermost.messages]
    elif provider == "teams":
        with TeamsSimulator(signature=SECRET) as teams:
            yield {"url": teams.webhook}, texts
            texts += [message.text for message in teams.messages if not message.is_lost]
    elif provider == "tencent_sms":
        with TencentSimulator(longest=100) as tencent:
            tencent.secret = SECRET
            yield http_config(provider, tencent.url), texts
            texts += [text.text for text in tencent.texts]
    elif provider in ("aliyun_sms", "aliyun_voice"):
        with AliyunSimulator(longest=100) as aliyun:
            aliyun.secret = SECRET
            aliyun.templates |= {"SMS_ALERT": {"said"}, "TTS_ALERT": {"said"}}
            yield http_config(provider, aliyun.url), texts
            texts += [text.text for text in aliyun.texts] + [call.text for call in aliyun.calls]
    elif provider in ("twilio_sms", "twilio_voice"):
        with TwilioSimulator() as twilio:
            twilio.auth_token = SECRET
            yield twilio.config, texts
            texts += [message.body for message in twilio.messages] + [call.document.text for call in twilio.calls]
    elif provider == "webhook":
        with WebhookReceiver(secret=SECRET) as receiver:
            yield {"url": f"{receiver.webhook}?key={SECRET}", "secret": SECRET}, texts
            texts += [received.json()["tocsin"]["content"] for received in receiver.received]
    else:
        with SmsGatewaySimulator() as gateway:
            gateway.password = SECRET
            yield http_config(provider, gateway.url) | {"url": gateway.sendsms}, texts
            texts += [text.text for text in gateway.texts]


@contextmanager
def failing(provider: str, how: str) -> Iterator[dict[str, str]]:
    """`how`: "refuses" (nobody listens), "hangs" or "resets" after it took the message."""
    if how == "refuses":
        with RawServer("hang") as server:
            url, port = server.url, server.port
        yield _at(provider, port) if provider in ("smtp", "smpp") else http_config(provider, url)
    elif provider == "smtp":
        with SmtpSimulator() as mail:
            mail.answer(MAIL.to, {"hangs": "hang after data", "resets": "drop after data"}[how])
            yield {**_smtp(mail), "timeout": "1"}
    elif provider == "smpp":
        with Smsc() as smsc:
            smsc.password = SECRET
            smsc.answer(SMS.to, {"hangs": "hang", "resets": "drop"}[how])
            yield {**smsc.config, "timeout": "1"}
    else:
        with raw(provider, {"hangs": "hang", "resets": "reset"}[how]) as server:
            yield http_config(provider, server.url) | ({"timeout": "1"} if provider == "http_sms" else {})


@contextmanager
def answering(provider: str, status: int, body: bytes) -> Iterator[dict[str, str]]:
    """An HTTP vendor that answers every message so."""
    with raw(provider, http_answer(status, body)) as server:
        yield http_config(provider, server.url)


def _at(provider: str, port: int) -> dict[str, str]:
    if provider == "smtp":
        return _smtp_at(port)
    return {"host": "127.0.0.1", "port": str(port), "system_id": "tocsin", "password": SECRET}


def _smtp(mail: SmtpSimulator) -> dict[str, str]:
    return _smtp_at(mail.port)


def _smtp_at(port: int) -> dict[str, str]:
    return {"host": "127.0.0.1", "port": str(port), "from": "tocsin@example.org", "security": "none"}
