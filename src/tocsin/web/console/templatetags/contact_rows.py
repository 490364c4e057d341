"""The table of the contacts list. Unfold's tag makes its headings anew for each of the rows."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from unfold.templatetags.unfold_list import CHECKBOX_CLASSES, ROW_CLASSES, result_headers
from unfold.views import ChangeList

_CELL = " ".join(ROW_CLASSES)
_CHECKBOX = " ".join(CHECKBOX_CLASSES)
register = template.Library()


@register.inclusion_tag("console/contact_rows.html")
def contact_rows(cl: ChangeList) -> dict[str, Any]:
    """Its columns are methods of the list's ModelAdmin; none is edited or sorted by in the list."""
    headers = list(result_headers(cl))
    columns = [
        (getattr(cl.model_admin, name), _opening(name, header["text"]))
        for name, header in zip(cl.list_display, headers, strict=True)
    ]
    rows = [
        mark_safe("".join(f"{opening}{conditional_escape(shown(row))}</td>" for shown, opening in columns))  # noqa: S308
        for row in cl.result_list
    ]
    return {"cl": cl, "result_headers": headers, "rows": rows}


def _opening(name: str, heading: str) -> SafeString:
    """Of a cell; narrow screens show its label beside it."""
    if name == "action_checkbox":
        return format_html('<td class="{}" data-label="{}">', _CHECKBOX, _("Select record"))
    return format_html('<td class="field-{} {}" data-label="{}">', name, _CELL, heading)
