"""Open IDs of people by mobile number or email: they are those of this very app.

https://open.feishu.cn/document/server-docs/contact-v3/user/batch_get_id
"""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.directory import Directory, Sought
from tocsin.channels.providers.lark.account import LarkApi
from tocsin.channels.providers.lark.outcomes import read

_AT_ONCE = 50
"""Numbers, and addresses, of one request."""


async def find_people(api: LarkApi, people: Sequence[Sought]) -> Directory:
    """By number, and by email whom no number finds."""
    found: dict[int, str] = {}
    for begin in range(0, len(people), _AT_ONCE):
        some = people[begin : begin + _AT_ONCE]
        mobiles = {person.phone: person.key for person in some if person.phone}
        emails = {person.email: person.key for person in some if person.email}
        wanted = {"mobiles": [_written(phone) for phone in mobiles], "emails": list(emails), "include_resigned": False}
        reply = await api.call("POST", "/open-apis/contact/v3/users/batch_get_id?user_id_type=open_id", wanted)
        secrets = (*api.secrets, *mobiles, *wanted["mobiles"], *emails)  # type: ignore[misc]
        result = reply if isinstance(reply, SendResult) else read(reply, *secrets, is_api=True)
        if isinstance(reply, SendResult) or result.outcome is not Outcome.ACCEPTED:
            return Directory(found, frozenset(person.key for person in people[begin:]), result.detail)
        listed = (reply.json().get("data") or {}).get("user_list")
        answers = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        written = {_written(phone): key for phone, key in mobiles.items()}
        for name, keys in (("email", emails), ("mobile", written)):  # what a number says comes last and wins
            for item in answers:
                key = keys.get(str(item.get(name, "")))
                if key is not None and str(item.get("user_id", "")).startswith("ou_"):
                    found[key] = str(item["user_id"])
    return Directory(found)


def _written(phone: str) -> str:
    """Numbers of the mainland without their country code."""
    return phone.removeprefix("+86") if phone.startswith("+861") else phone
