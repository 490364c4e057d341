"""User IDs of people by mobile number. DingTalk knows nobody by email.

https://open.dingtalk.com/document/orgapp/query-users-by-phone-number
"""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.directory import Directory, Sought
from tocsin.channels.providers.dingtalk.account import DingtalkApi
from tocsin.channels.providers.dingtalk.app_outcomes import answer_of, read_api
from tocsin.channels.providers.dingtalk.content import written_mobile

_UNKNOWN = ("60121", "60104", "40035")
"""Nobody has the number, or it is none."""


async def find_people(api: DingtalkApi, people: Sequence[Sought]) -> Directory:
    """One request for each; the first that DingTalk will not answer ends it."""
    found: dict[int, str] = {}
    for place, person in enumerate(people):
        if not person.phone:
            continue
        user_id = await find_one(api, person.phone)
        if isinstance(user_id, SendResult):
            return Directory(found, frozenset(item.key for item in people[place:]), user_id.detail)
        if user_id:
            found[person.key] = user_id
    return Directory(found)


async def find_one(api: DingtalkApi, phone: str) -> str | SendResult:
    """The user ID, "" when nobody has the number, or why DingTalk does not say."""
    mobile = written_mobile(phone)
    reply = await api.ask("/topapi/v2/user/getbymobile", {"mobile": mobile})
    if isinstance(reply, SendResult):
        return reply
    answer = answer_of(reply)
    if str(answer.get("errcode", "")) in _UNKNOWN:
        return ""
    result = read_api(reply, *api.secrets, phone, mobile)
    if result.outcome is not Outcome.ACCEPTED:
        return result
    inner = answer.get("result")
    return str(inner.get("userid", "")) if isinstance(inner, dict) else ""
