"""Pages by cursor: what is there all along comes once, whatever is added meanwhile."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from pydantic import BaseModel, Field

from tocsin.core.clock import is_keepable
from tocsin.core.errors import InvalidInputError
from tocsin.core.storable import is_storable
from tocsin.web.rest.fields import taken

_Row = TypeVar("_Row", bound=Model)
_Item = TypeVar("_Item")


class PageQuery(BaseModel):
    limit: int = Field(50, ge=1, le=200, description="How many at most.", examples=[50])
    cursor: str = Field("", max_length=1000, description="`next` of the page before.")

    def given(self, *names: str) -> dict[str, Any]:
        """Those of these that are asked for, as a filter takes them."""
        return {name: value for name, value in taken(self, names).items() if value is not None}


class Page(BaseModel, Generic[_Item]):
    items: list[_Item]
    next: str | None = Field(description="The cursor of the next page; null on the last one.")


def one_page(rows: QuerySet[_Row], order: Sequence[str], page: PageQuery) -> tuple[list[_Row], str | None]:
    """The page's rows, and the cursor of the next one. `order`: field names, the last one unique, all in one direction.

    A cursor holds what the last row of the page before has in them; InvalidInputError for any other text.
    """
    is_backwards = order[0].startswith("-")
    names = [name.lstrip("-") for name in order]
    if page.cursor:
        rows = rows.filter(_beyond(names, _read(page.cursor, order), is_backwards))
    found = list(rows[: page.limit + 1])
    if len(found) <= page.limit:
        return found, None
    last = found[page.limit - 1]
    return found[: page.limit], cursor_of(order, [getattr(last, name) for name in names])


def _beyond(names: Sequence[str], values: Sequence[Any], is_backwards: bool) -> Q:
    """Row values after these, so that an index of the first column is read from there on."""
    side = "lt" if is_backwards else "gt"
    if len(names) == 1:
        return Q(**{f"{names[0]}__{side}": values[0]})
    first, last = Q(**{f"{names[0]}__{side}": values[0]}), Q(**{f"{names[1]}__{side}": values[1]})
    return Q(**{f"{names[0]}__{side}e": values[0]}) & (first | last)


def cursor_of(order: Sequence[str], values: Sequence[Any]) -> str:
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps([",".join(order), *plain]).encode()).decode().rstrip("=")


def _read(cursor: str, order: Sequence[str]) -> list[Any]:
    refusal = InvalidInputError({"cursor": _("This is no cursor of this list in this order; begin without one.")})
    try:
        made_for, *values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise refusal from error
    if made_for != ",".join(order) or len(values) != len(order):
        raise refusal
    try:
        return [_value(name.lstrip("-"), value) for name, value in zip(order, values, strict=True)]
    except (ValueError, TypeError) as error:
        raise refusal from error


def _value(name: str, value: Any) -> Any:
    if name.endswith("_at"):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None or not is_keepable(moment):
            raise ValueError(name)
        return moment
    if name == "name":
        if not isinstance(value, str) or not is_storable(value):
            raise ValueError(name)
        return value
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
        raise ValueError(name)
    return value
