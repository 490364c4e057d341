"""Text files as Excel writes them: UTF-8 and UTF-16 with or without a mark, and GBK."""

from __future__ import annotations

import codecs
import re

from django.utils.translation import gettext as _

from tocsin.core.errors import InvalidInputError

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DELIMITERS = (",", ";", "\t", "，")
_LOOKED_AT = 4096
_NAMED = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)


def decoded(content: bytes) -> str:
    for encoding in _candidates(content):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidInputError({"file": _("This is no text in UTF-8, UTF-16 or GBK. Save it as CSV UTF-8 and try again.")})


def divided_by(text: str) -> tuple[str, str]:
    """What divides the columns, named in a first line of its own or judged by the headings; and the rest."""
    if named := _NAMED.match(text):
        return named[1], text[named.end() :]
    return max(_DELIMITERS, key=text.partition("\n")[0].count), text


def _candidates(content: bytes) -> tuple[str, ...]:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return (encoding,)
    head = content[:_LOOKED_AT]
    if head[1::2].count(0) > len(head) // 8:
        return ("utf-16-le",)
    if head[::2].count(0) > len(head) // 8:
        return ("utf-16-be",)
    return ("utf-8", "gb18030")
