"""What Alibaba Cloud answers: a code inside HTTP 200, or its gateway's inside 4xx.

https://help.aliyun.com/zh/sms/developer-reference/error-codes · https://help.aliyun.com/zh/vms/api-error-codes
"""

from __future__ import annotations

from datetime import timedelta

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.groups import without_code, without_id
from tocsin.channels.http import HttpReply, digits_of
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

_VENDOR = Sentence("Alibaba Cloud")
_TOOK_IT = Sentence("Alibaba Cloud took it.")
_REFUSED = Sentence("Alibaba Cloud did not take it: %(code)s %(says)s")
_NOT_ALIYUN = Sentence("The API address answers with HTTP %(code)s, and not as Alibaba Cloud does.")

_MINUTE = timedelta(minutes=1)
_SHORTLY = timedelta(seconds=5)
_LIMIT = "isv.BUSINESS_LIMIT_CONTROL"
_TARGET = frozenset({"isv.MOBILE_NUMBER_ILLEGAL", "isv.COMPLAINT_REJECT"})
_MESSAGE = frozenset(
    {
        *("isv.BLACK_KEY_CONTROL_LIMIT", "isv.PARAM_LENGTH_LIMIT", "isv.PARAM_NOT_SUPPORT_URL"),
        *("isv.SMS_CONTENT_ILLEGAL", "isv.INVALID_JSON_PARAM", "isv.TEMPLATE_PARAMS_ILLEGAL"),
        "isv.DOMESTIC_NUMBER_NOT_SUPPORTED",
    }
)
"""About what is in this one message, or where it goes: another account may take it, and this one is well."""
_CONFIG = frozenset(
    {
        *("isv.SMS_TEMPLATE_ILLEGAL", "isv.SMS_SIGNATURE_ILLEGAL", "isv.SMS_SIGN_ILLEGAL", "isv.SIGN_STATE_ILLEGAL"),
        *("isv.SMS_SIGNATURE_SCENE_ILLEGAL", "isv.TEMPLATE_MISSING_PARAMETERS", "isv.INVALID_PARAMETERS"),
        *("isv.MOBILE_COUNT_OVER_LIMIT", "isv.EXTEND_CODE_ERROR", "isv.AMOUNT_NOT_ENOUGH", "isv.OUT_OF_SERVICE"),
        *("isv.PRODUCT_UN_SUBSCRIPT", "isv.PRODUCT_UNSUBSCRIBE", "isv.ACCOUNT_NOT_EXISTS", "isv.ACCOUNT_ABNORMAL"),
        *("isv.DENY_IP_RANGE", "isp.RAM_PERMISSION_DENY", "SignatureDoesNotMatch", "IncompleteSignature"),
        *("InvalidAccessKeyId.NotFound", "InvalidAccessKeyId.Inactive", "Forbidden.RAM", "InvalidTimeStamp.Expired"),
        *("SignatureNonceUsed", "isv.DAY_LIMIT_CONTROL", "isv.MONTH_LIMIT_CONTROL", "isv.TTS_TEMPLATE_ILLEGAL"),
        *("isv.TEMPLATE_ILLEGAL", "isv.VOICE_FILE_ILLEGAL", "isv.DISPLAY_NUMBER_ILLEGAL", "isv.BILLID_NOT_EXIST"),
    }
)
_NOT_NOW = frozenset({"isv.VOICE_ROBOT_NOT_PERIOD", "isv.VOICE_CALL_PERIOD_ERROR"})


def read(reply: HttpReply, name_of_id: str, *hidden: str) -> SendResult:
    """Only OK with an id is success, and without one nobody knows; a code that is not known is tried again."""
    try:
        answer = reply.json()
        code, says = str(answer["Code"]), str(answer.get("Message") or "")
        provider_id = str(answer.get(name_of_id) or "")
    except (ValueError, TypeError, KeyError, AttributeError):
        return without_code(reply, _VENDOR, says_refused=_NOT_ALIYUN)
    if code == "OK" and reply.status == 200:
        if not provider_id:
            return without_id("OK", _VENDOR)
        return SendResult(Outcome.ACCEPTED, "OK", _TOOK_IT, provider_id[:128])
    code = concealed(code, *hidden)[:64]
    detail = concealed(_REFUSED % {"code": code, "says": says}, *hidden)
    if code == _LIMIT:
        return _limited(code, says, detail)
    if code.startswith("Throttling") or reply.status == 429:
        pause = _asked_pause(reply) or reply.retry_after or _SHORTLY
        return SendResult(Outcome.RATE_LIMITED, code, detail, retry_after=pause)
    if code in _NOT_NOW:
        return SendResult(Outcome.PERMANENT_CONFIG, code, detail, is_about_message=True)
    if code in _TARGET:
        return SendResult(Outcome.PERMANENT_TARGET, code, detail)
    if code in _MESSAGE:
        return SendResult(Outcome.PERMANENT_CONFIG, code, detail, is_about_message=True)
    if code in _CONFIG or reply.status in (401, 403, 404):
        return SendResult(Outcome.PERMANENT_CONFIG, code, detail)
    return SendResult(Outcome.TRANSIENT, code, detail)


def _limited(code: str, says: str, detail: str) -> SendResult:
    """One number's limit: of a minute it is waited for; of an hour or a day, another account may still reach it."""
    if "分钟" in says:
        return SendResult(Outcome.RATE_LIMITED, code, detail, retry_after=_MINUTE)
    return SendResult(Outcome.PERMANENT_CONFIG, code, detail, is_about_message=True)


def _asked_pause(reply: HttpReply) -> timedelta | None:
    asked = digits_of(reply.headers.get("x-acs-retry-after", ""))
    return timedelta(seconds=min(max(asked, 1), 600)) if asked is not None else None
