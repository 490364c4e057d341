"""Text messages and calls over Twilio. https://www.twilio.com/docs"""

from __future__ import annotations

from datetime import timedelta

from tocsin.channels.base import Capabilities, ConfigField, Limit, ProviderType
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.twilio import sms, voice
from tocsin.channels.providers.twilio.account import ACCOUNT_FIELDS

TWILIO_SMS = ProviderType(
    name="twilio_sms",
    title="Twilio text messages",
    channel=Channel.SMS,
    capabilities=Capabilities(
        has_receipts=True,
        receipt_within=timedelta(minutes=15),
        can_be_asked=True,
        # Twilio queues what is faster than the sender may send: a long code one a second, others more.
        limit=Limit(20, timedelta(seconds=1)),
    ),
    fields=(
        *ACCOUNT_FIELDS,
        ConfigField("sender", "Sender", help="A number or name of the account, or the SID of a messaging service."),
        ConfigField("max_parts", "Parts at most", default="3", help="A longer text is cut."),
    ),
    build=sms.TwilioSms,
    check=sms.check,
    read_callback=sms.read_callback,
)

TWILIO_VOICE = ProviderType(
    name="twilio_voice",
    title="Twilio calls",
    channel=Channel.PHONE,
    capabilities=Capabilities(
        has_receipts=True,
        receipt_within=timedelta(seconds=150),
        can_be_asked=True,
        # What an account may begin unless Twilio raised it; Twilio would queue what is faster, and the calls come late.
        limit=Limit(1, timedelta(seconds=1)),
    ),
    fields=(
        *ACCOUNT_FIELDS,
        ConfigField("sender", "Caller's number", help="A number of the account, or one that Twilio has verified."),
        ConfigField("ring_seconds", "Seconds to let it ring", default="30"),
        ConfigField(
            "machine_detection",
            "Detect answering machines",
            default="yes",
            choices=("yes", "no"),
            help="Twilio charges for it. A call that a machine answers counts as failed, so that its fallback follows.",
        ),
    ),
    build=voice.TwilioVoice,
    check=voice.check,
    read_callback=voice.read_callback,
)
