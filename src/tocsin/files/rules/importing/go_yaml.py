"""YAML as a program in Go reads it into texts: what nobody quoted stays as it is written."""

from __future__ import annotations

import re
from typing import Any

import yaml

_YES = ("true", "yes", "on", "y")


class _Loader(yaml.SafeLoader):
    """`17:00` is no number of minutes, `no` no refusal, `010` no eight: only true, false and nothing are told apart."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), [*"tTfF"])
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile("^<<$"), ["<"])


def load(text: str) -> Any:
    """yaml.YAMLError for what is none."""
    return yaml.load(text, _Loader)  # noqa: S506 (it is a SafeLoader)


def is_true(value: Any) -> bool:
    """A flag as Go reads it."""
    return str(value).lower() in _YES
