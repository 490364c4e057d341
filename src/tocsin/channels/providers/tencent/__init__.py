"""Text messages over Tencent Cloud. https://cloud.tencent.com/document/product/382"""

from __future__ import annotations

from datetime import timedelta

from tocsin.channels.base import Capabilities, ConfigField, Limit, LimitScope, ProviderType
from tocsin.channels.kinds import Channel
from tocsin.channels.providers.tencent import sms
from tocsin.core.sentences import Sentence

_VARIABLES = Sentence("JSON: what the variables of the template are given, in its order.")


TENCENT_SMS = ProviderType(
    name="tencent_sms",
    title="Tencent Cloud text messages",
    channel=Channel.SMS,
    capabilities=Capabilities(
        has_receipts=True,
        receipt_within=timedelta(minutes=15),
        can_be_asked=True,
        carries_links=False,
        # Its default for one number: one in 30 seconds.
        limit=Limit(1, timedelta(seconds=30), LimitScope.TARGET),
    ),
    fields=(
        ConfigField("secret_id", "Secret ID"),
        ConfigField("secret_key", "Secret key", is_secret=True),
        ConfigField("app_id", "SDK AppID"),
        ConfigField("region", "Region", default="ap-guangzhou"),
        ConfigField("url", "API address", default=sms.URL),
        ConfigField("sign_name", "Signature", help="The approved signature, without its brackets."),
        ConfigField("template_id", "Template for alerts"),
        ConfigField(
            "template_params", "Variables for alerts", default='["{severity}", "{title}"]', is_multiline=True,
            help=_VARIABLES,
        ),
        ConfigField(
            "code_template", "Template for codes", is_required=False, help="Numbers are verified by a code with it."
        ),
        ConfigField("code_params", "Variables for codes", default='["{code}"]', is_multiline=True, help=_VARIABLES),
        ConfigField(
            "longest", "Characters of a variable", default="12",
            help="What is longer is cut. Accounts since 2024 take 6 unless Tencent Cloud raised it.",
        ),
    ),
    build=sms.TencentSms,
    check=sms.check,
    read_callback=sms.read_callback,
)  # fmt: skip
