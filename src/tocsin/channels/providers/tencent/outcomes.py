"""What Tencent Cloud answers: an error of the request, or a code for each number, both inside HTTP 200.

https://cloud.tencent.com/document/product/382/59177
"""

from __future__ import annotations

from datetime import timedelta

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.groups import without_code, without_id
from tocsin.channels.http import HttpReply
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

_VENDOR = Sentence("Tencent Cloud")
_TOOK_IT = Sentence("Tencent Cloud took it.")
_REFUSED = Sentence("Tencent Cloud did not take it: %(code)s %(says)s")
_NOT_TENCENT = Sentence("The API address answers with HTTP %(code)s, and not as Tencent Cloud does.")

_PAUSES = {
    "LimitExceeded.PhoneNumberThirtySecondLimit": timedelta(seconds=30),
    "RequestLimitExceeded": timedelta(seconds=1),
    "LimitExceeded.DeliveryFrequencyLimit": timedelta(seconds=60),
}
_NUMBERS_LIMITS = (
    "LimitExceeded.PhoneNumberOneHourLimit",
    "LimitExceeded.PhoneNumberDailyLimit",
    "LimitExceeded.PhoneNumberSameContentDailyLimit",
)
_WHERE_TO = (
    "UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone",
    "UnsupportedOperation.GlobalTemplateToChineseMainlandPhone",
    "UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber",
    "UnsupportedOperation.UnsupportedRegion",
    "UnsupportedOperation.UnsuportedRegion",
    "LimitExceeded.AppCountryOrRegionInBlacklist",
    "LimitExceeded.AppCountryOrRegionDailyLimit",
    "LimitExceeded.AppGlobalDailyLimit",
    "LimitExceeded.DailyLimit",
)
"""The account does not reach that country, or no more today: another may, and this one is well for everybody else."""
_TARGET = (
    "FailedOperation.PhoneNumberInBlacklist",
    "FailedOperation.PhoneNumberParseFail",
    "InvalidParameterValue.IncorrectPhoneNumber",
)
_MESSAGE = (
    "FailedOperation.ContainSensitiveWord",
    "InvalidParameter.DirtyWordFound",
    "InvalidParameterValue.ContentLengthLimit",
    "InvalidParameterValue.TemplateParameterLengthLimit",
    "InvalidParameterValue.TemplateParameterFormatError",
    "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter",
)


def read(reply: HttpReply, *hidden: str) -> SendResult:
    """Only `Ok` for the one number, with an id, is success; without one nobody knows."""
    try:
        answer = reply.json()["Response"]
        told = answer["Error"] if "Error" in answer else answer["SendStatusSet"][0]
        code, says = str(told["Code"]), str(told.get("Message") or "")
        provider_id = str(told.get("SerialNo") or "")
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return without_code(reply, _VENDOR, says_refused=_NOT_TENCENT)
    if code == "Ok" and reply.status == 200:
        if not provider_id:
            return without_id("Ok", _VENDOR)
        return SendResult(Outcome.ACCEPTED, "Ok", _TOOK_IT, provider_id[:128])
    code = concealed(code, *hidden)[:64]
    detail = concealed(_REFUSED % {"code": code, "says": says}, *hidden)
    if code in _PAUSES or reply.status == 429:
        return SendResult(Outcome.RATE_LIMITED, code, detail, retry_after=_PAUSES.get(code, reply.retry_after))
    if code in _TARGET:
        return SendResult(Outcome.PERMANENT_TARGET, code, detail)
    if code in (*_MESSAGE, *_NUMBERS_LIMITS, *_WHERE_TO):
        return SendResult(Outcome.PERMANENT_CONFIG, code, detail, is_about_message=True)
    if _is_the_accounts(code) or reply.status in (401, 403, 404):
        return SendResult(Outcome.PERMANENT_CONFIG, code, detail)
    return SendResult(Outcome.TRANSIENT, code, detail)


def _is_the_accounts(code: str) -> bool:
    """Its key, template, signature, package or clock."""
    if code in (
        "InternalError.SigVerificationFail",
        "InternalError.SigFieldMissing",
        "InternalError.RequestTimeException",
    ):
        return True
    family = code.partition(".")[0]
    known = ("AuthFailure", "UnauthorizedOperation", "UnsupportedOperation", "InvalidParameter", "MissingParameter")
    if family in (*known, "InvalidParameterValue", "LimitExceeded", "FailedOperation"):
        return code != "FailedOperation.OtherError"
    return False
