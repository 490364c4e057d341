"""Text messages and calls over Alibaba Cloud. https://help.aliyun.com/zh/sms · https://help.aliyun.com/zh/vms"""

from __future__ import annotations

from datetime import timedelta

from tocsin.channels.base import Capabilities, ConfigField, Limit, LimitScope, ProviderType
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.aliyun import sms, voice
from tocsin.channels.providers.aliyun.account import account_fields
from tocsin.core.sentences import Sentence

_VARIABLES = Sentence("JSON: each variable of the template, with what it is given.")
_SPOKEN = '{"severity": "{severity}", "title": "{title}", "state": "{state}"}'
_ALERT = '{"severity": "{severity}", "title": "{title}", "state": "{state}", "summary": "{summary}"}'


ALIYUN_SMS = ProviderType(
    name="aliyun_sms",
    title="Alibaba Cloud text messages",
    channel=Channel.SMS,
    capabilities=Capabilities(
        has_receipts=True,
        receipt_within=timedelta(minutes=15),
        can_be_asked=True,
        carries_links=False,
        # Of one signature and template to one number; what is refused counts as well.
        limit=Limit(50, timedelta(hours=24), LimitScope.TARGET),
    ),
    fields=(
        *account_fields(sms.URL),
        ConfigField("sign_name", "Signature", help="The approved signature, without its brackets."),
        ConfigField("template_code", "Template for alerts", help="Like SMS_123456789."),
        ConfigField("template_params", "Variables for alerts", default=_ALERT, is_multiline=True, help=_VARIABLES),
        ConfigField(
            "code_template", "Template for codes", is_required=False, help="Numbers are verified by a code with it."
        ),
        ConfigField(
            "code_params", "Variables for codes", default='{"code": "{code}"}', is_multiline=True, help=_VARIABLES
        ),
        ConfigField("longest", "Characters of a variable", default="35", help="What is longer is cut."),
    ),
    build=sms.AliyunSms,
    check=sms.check,
    read_callback=sms.read_callback,
)

ALIYUN_VOICE = ProviderType(
    name="aliyun_voice",
    title="Alibaba Cloud calls",
    channel=Channel.PHONE,
    capabilities=Capabilities(
        has_receipts=True,
        receipt_within=timedelta(seconds=180),
        can_be_asked=True,
        carries_links=False,
        # One a minute, five an hour and twenty a day to one number. More go another way.
        limit=Limit(5, timedelta(hours=1), LimitScope.TARGET),
    ),
    fields=(
        *account_fields(voice.URL),
        ConfigField("tts_code", "Template for alerts", help="Like TTS_123456789."),
        ConfigField("tts_params", "Variables for alerts", default=_SPOKEN, is_multiline=True, help=_VARIABLES),
        ConfigField(
            "code_template", "Template for codes", is_required=False, help="Numbers are verified by a code with it."
        ),
        ConfigField(
            "code_params", "Variables for codes", default='{"code": "{code}"}', is_multiline=True, help=_VARIABLES
        ),
        ConfigField("play_times", "Times to say it", default="2"),
        ConfigField("show_number", "Number that shows", is_required=False, help="A number that you bought there."),
        ConfigField("key_code", "Answer to a key", is_required=False, help="A template that thanks for a pressed key."),
        ConfigField("bye_code", "Goodbye", is_required=False, help="A template that ends a call without a key."),
    ),
    build=voice.AliyunVoice,
    check=voice.check,
    read_callback=voice.read_callback,
)
