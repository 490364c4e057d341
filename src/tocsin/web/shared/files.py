"""Files as answers, and what a row of an import shows to whom."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpResponse, StreamingHttpResponse

from tocsin.contacts.sheets import FORMATS
from tocsin.core.phones import mask
from tocsin.core.redact import mask_email

_MASKS = {"phone": mask, "email": mask_email}


def file_response(pieces: Iterable[bytes], format: str, name: str) -> HttpResponse:
    """`pieces` are made while they are sent. `format`: of contacts.sheets.FORMATS."""
    kind = FORMATS[format].get_content_type()
    response = StreamingHttpResponse(pieces, content_type=f"{kind}; charset=utf-8" if format != "xlsx" else kind)
    response["Content-Disposition"] = f'attachment; filename="{name}.{format}"'
    response["Cache-Control"] = "no-store"
    return response  # type: ignore[return-value]


def import_value(name: str, value: str, *, reveals: bool) -> str:
    """What stands in a field of an imported row: masked, unless its reader may see it whole; an address never."""
    if name == "legacy_chatbot_url" and value:
        return "***"
    if name not in _MASKS or not value or reveals:
        return value
    try:
        return _MASKS[name](value)
    except ValueError:
        return "***"
