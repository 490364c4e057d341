"""Rules about the code itself, each with what to do instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.apps import apps

SOURCE = Path(__file__).resolve().parent.parent / "src" / "tocsin"
LAYERS = ["core", "accounts", "channels", "contacts", "events", "policies", "alerts", "delivery"]


def test_foreign_keys_point_down() -> None:
    wrong = []
    for model in apps.get_models():
        label = model._meta.app_label
        if label not in LAYERS:
            continue
        for field in model._meta.get_fields():
            if not field.concrete or not field.is_relation or field.related_model is None:
                continue
            target = field.related_model._meta.app_label
            if target in LAYERS and LAYERS.index(target) > LAYERS.index(label):
                wrong.append(f"{model.__name__}.{field.name} -> {target}")

    assert not wrong, f"Turn these around, the upper app names the lower one: {wrong}"


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_file_is_over_400_lines(path: Path) -> None:
    lines = path.read_text().count("\n")

    assert lines <= 400, f"{path.name} has {lines} lines; make it a package of the same name"


def test_no_module_is_called_utils() -> None:
    assert not list(SOURCE.rglob("utils*")), "Name it for what it does"
