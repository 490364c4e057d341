"""Rules about the code itself, each with what to do instead."""

from __future__ import annotations

import ast
from pathlib import Path

from django.apps import apps

SOURCE = Path(__file__).resolve().parent.parent / "src" / "tocsin"
LAYERS = ["core", "accounts", "channels", "contacts", "events", "oncall", "policies", "alerts", "delivery"]


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


def test_no_file_is_over_400_lines() -> None:
    lines = {str(path.relative_to(SOURCE)): path.read_text().count("\n") for path in SOURCE.rglob("*.py")}

    too_long = {name: count for name, count in lines.items() if count > 400}
    assert too_long == {}, "Make each a package of the same name"


def test_no_module_is_called_utils() -> None:
    assert not list(SOURCE.rglob("utils*")), "Name it for what it does"


WRITES = {"save", "delete", "create", "bulk_create", "update", "bulk_update", "get_or_create", "update_or_create"}


def _writes_to_tables(path: Path) -> list[str]:
    """Calls that look like the ORM's writes: on a manager or query set, or an instance's own save() and delete()."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
            target = ast.unparse(node.func.value)
            is_manager = ".objects" in target or "queryset" in target or "get_queryset" in target
            is_instance = node.func.attr in ("save", "delete") and not target.startswith("super()")
            if is_manager or is_instance:
                found.append(f"{path.name}:{node.lineno}: {target}.{node.func.attr}")
    return found


def test_doors_write_through_services() -> None:
    doors = [*(SOURCE / "web").rglob("*.py"), *(SOURCE / "cli").rglob("*.py")]

    wrong = [write for path in doors for write in _writes_to_tables(path)]

    assert not wrong, f"Call a service of the domain, which also checks and audits: {wrong}"
