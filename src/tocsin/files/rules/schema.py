"""The JSON Schema (draft 2020-12) of the files, made from their declaration."""

from __future__ import annotations

from typing import Any

from tocsin.files.rules.kinds import KINDS
from tocsin.files.rules.shapes import SECRET_SCHEMA


def json_schema() -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tocsin",
        "description": "What `tocsin apply` reads and `tocsin dump` writes.",
        "type": "object",
        "properties": {
            kind.key: {"type": ["array", "null"], "description": kind.help, "items": {"$ref": f"#/$defs/{kind.key}"}}
            for kind in KINDS.values()
        },
        "additionalProperties": False,
        "$defs": {"secret": dict(SECRET_SCHEMA), **{kind.key: kind.record.schema() for kind in KINDS.values()}},
    }
