"""The columns of a file of contacts, and every heading that names one of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from django.utils.translation import gettext as _
from import_export import fields, resources

from tocsin.core.errors import InvalidInputError
from tocsin.core.storable import storable

GROUPS = "groups"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "external_id": ("ID", "Employee ID", "外部ID", "外部编号", "工号", "员工编号", "员工工号"),
    "name": ("Contact", "Contact name", "Full name", "姓名", "名称", "联系人", "联系人姓名"),
    "phone": (
        "Phone number", "Mobile", "Mobile number", "Mobile phone", "Telephone", "手机号", "手机", "手机号码", "电话",
        "电话号码", "联系电话",
    ),
    "email": ("Mail", "E-mail", "Email address", "邮箱", "电子邮箱", "邮件", "邮箱地址", "电子邮件"),
    "groups": ("Group", "Contact group", "Contact groups", "联系人组", "组", "分组", "所属联系人组"),
    "fallback": (
        "Method to resend notifications if phone notifications fail", "Fallback method", "电话通知失败后的补发方式",
        "电话通知失败重发方式", "电话通知失败时的补发方式", "重发方式", "补发方式",
    ),
    "user_id": ("User", "IM user ID", "用户ID", "用户 ID"),
    "dingtalk_user_id": ("DingTalk user", "DingTalk ID", "钉钉用户ID", "钉钉ID"),
    "lark_user_id": ("Lark user", "Lark open ID", "Feishu open ID", "Feishu user ID", "飞书用户ID", "飞书 Open ID"),
    "wecom_user_id": ("WeCom user", "WeCom ID", "企业微信用户ID", "企业微信ID", "企微用户ID"),
    "language": ("Lang", "语言"),
    "time_zone": ("Timezone", "时区"),
    "legacy_chatbot_url": ("Chatbot", "Chatbot URL", "DingTalk chatbot", "机器人地址", "钉钉机器人", "钉钉机器人地址"),
    "verified_by": ("Attested by", "验证来源", "号码验证来源"),
}  # fmt: skip
"""Field -> other headings of its column."""
FOR_INFORMATION = ("phone_verified_at", "error")
"""Written by exports and passed over when read."""


class ContactColumns(resources.Resource):  # type: ignore[misc]
    """What an export writes, in this order. Reading stops at the file: the rows are decided and written in bulk."""

    external_id = fields.Field(attribute="external_id", column_name="external_id")
    name = fields.Field(attribute="name", column_name="name")
    phone = fields.Field(attribute="phone", column_name="phone")
    email = fields.Field(attribute="email", column_name="email")
    groups = fields.Field(attribute="groups", column_name="groups")
    fallback = fields.Field(attribute="fallback", column_name="fallback")
    user_id = fields.Field(attribute="user_id", column_name="user_id")
    dingtalk_user_id = fields.Field(attribute="dingtalk_user_id", column_name="dingtalk_user_id")
    lark_user_id = fields.Field(attribute="lark_user_id", column_name="lark_user_id")
    wecom_user_id = fields.Field(attribute="wecom_user_id", column_name="wecom_user_id")
    language = fields.Field(attribute="language", column_name="language")
    time_zone = fields.Field(attribute="time_zone", column_name="time_zone")

    def save_instance(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError("contacts.services.imports writes in bulk, with audit entries")

    @classmethod
    def names(cls) -> list[str]:
        return list(cls().get_export_headers())


@dataclass(frozen=True, slots=True)
class Headings:
    """`fields[i]` is the field of the i-th column, None where it is passed over; `unknown` headings are named."""

    fields: tuple[str | None, ...]
    unknown: tuple[str, ...]


def read_headings(cells: Sequence[object]) -> Headings:
    """InvalidInputError where a column comes twice, or none is known, or none tells contacts apart."""
    found: list[str | None] = []
    unknown: list[str] = []
    for cell in cells:
        text = "" if cell is None else str(cell).strip()
        field = _FIELD_OF.get(_plain(text))
        if field is not None and field in found:
            raise InvalidInputError({"file": _("Two columns mean the same: %(field)s.") % {"field": field}})
        if field is None and text and _plain(text) not in _PASSED_OVER:
            unknown.append(storable(text, 64))
        found.append(field)
    if not {"external_id", "phone", "email", "legacy_chatbot_url"}.intersection(filter(None, found)):
        raise InvalidInputError(
            {
                "file": _(
                    "The first row must name the columns, with at least one of external_id, phone and email. "
                    "Found: %(found)s. Known: %(known)s."
                )
                % {"found": ", ".join(unknown[:20]) or _("nothing"), "known": ", ".join(COLUMNS)}
            }
        )
    return Headings(tuple(found), tuple(unknown))


def _plain(heading: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", heading).casefold())


_FIELD_OF = {_plain(heading): field for field, others in COLUMNS.items() for heading in (field, *others)}
_PASSED_OVER = {_plain(heading) for heading in FOR_INFORMATION}
