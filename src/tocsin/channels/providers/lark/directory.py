"""Open IDs of people by mobile number or email: they are those of this very app.

https://open.feishu.cn/document/server-docs/contact-v3/user/batch_get_id
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.directory import Directory, Sought
from tocsin.channels.providers.lark.account import LarkApi
from tocsin.channels.providers.lark.outcomes import read

_AT_ONCE = 50
"""Numbers, and addresses, of one request."""
_PATH = "/open-apis/contact/v3/users/batch_get_id?user_id_type=open_id"


async def find_people(api: LarkApi, people: Sequence[Sought]) -> Directory:
    """By number, and by email whom no number finds."""
    found: dict[int, str] = {}
    for begin in range(0, len(people), _AT_ONCE):
        some = people[begin : begin + _AT_ONCE]
        mobiles = {person.phone: person.key for person in some if person.phone}
        emails = {person.email: person.key for person in some if person.email}
        answers = await _ask(api, list(mobiles), list(emails))
        if isinstance(answers, SendResult):
            return Directory(found, frozenset(person.key for person in people[begin:]), answers.detail)
        written = {_written(phone): key for phone, key in mobiles.items()}
        for name, keys in (("email", emails), ("mobile", written)):  # what a number says comes last and wins
            for item in answers:
                key = keys.get(str(item.get(name, "")))
                if key is not None and (open_id := _open_id(item)):
                    found[key] = open_id
    return Directory(found)


async def find_one(api: LarkApi, phone: str) -> str | SendResult:
    """The open ID, "" when nobody has the number, or why Lark does not say."""
    answers = await _ask(api, [phone], [])
    if isinstance(answers, SendResult):
        return answers
    return next((_open_id(item) for item in answers if str(item.get("mobile", "")) == _written(phone)), "")


async def _ask(api: LarkApi, phones: Sequence[str], emails: Sequence[str]) -> Sequence[Mapping[str, Any]] | SendResult:
    mobiles = [_written(phone) for phone in phones]
    reply = await api.call("POST", _PATH, {"mobiles": mobiles, "emails": list(emails), "include_resigned": False})
    if isinstance(reply, SendResult):
        return reply
    result = read(reply, *api.secrets, *phones, *mobiles, *emails, is_api=True)
    if result.outcome is not Outcome.ACCEPTED:
        return result
    data = reply.json().get("data")
    listed = data.get("user_list") if isinstance(data, dict) else None
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _open_id(item: Mapping[str, Any]) -> str:
    found = str(item.get("user_id", ""))
    return found if found.startswith("ou_") else ""


def _written(phone: str) -> str:
    """Numbers of the mainland without their country code."""
    return phone.removeprefix("+86") if phone.startswith("+861") else phone
