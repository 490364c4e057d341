"""Choosing notification objects by name: the server searches, so that no page carries a million options.

    groups = forms.ModelMultipleChoiceField(queryset=ContactGroup.objects.all(), widget=Picker("group", multiple=True))

Without script it is a select with what is chosen and the first hundred of each kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from tocsin.accounts.rules import Permission
from tocsin.contacts.models import NotificationObject
from tocsin.contacts.queries import Named, names_of, objects_named, pickable_kinds
from tocsin.web.console.actors import require

_Kind = NotificationObject.Kind
_OFFERED = 100
_LONGEST_ID = 18
KIND_TITLES: Mapping[str, str | Promise] = {
    _Kind.GROUP: _("Contact Groups"),
    _Kind.CONTACT: _("Contacts"),
    _Kind.ROBOT: _("DingTalk/Lark/WeCom"),
    _Kind.WEBHOOK: _("Webhooks"),
    _Kind.SCHEDULE: _("On-call schedules"),
}


class Picker(forms.Widget):
    """Posts ids, or "kind:id" where `with_kind`. `kinds` are those of NotificationObject, in the order of the list."""

    template_name = "console/widgets/picker.html"

    def __init__(
        self, *kinds: str, multiple: bool = False, with_kind: bool = False, attrs: dict[str, Any] | None = None
    ) -> None:
        super().__init__(attrs)
        self.kinds, self.multiple, self.with_kind = kinds, multiple, with_kind
        self.choices: Any = ()
        """Set by Django's fields; never read, since it is the whole table."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        if self.multiple:
            return data.getlist(name) if hasattr(data, "getlist") else data.get(name)
        return data.get(name)

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return not self.multiple and name not in data  # a select without a choice posts nothing

    def use_required_attribute(self, initial: Any) -> bool:
        return False

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, attrs)
        chosen = names_of([number for item in _listed(value) if (number := _number(item)) is not None])
        kinds = [kind for kind in self.kinds if kind in pickable_kinds()]
        offered = [item for item in objects_named("", kinds, size=_OFFERED).items if item.id not in chosen]
        context["widget"] |= {
            "kinds": ",".join(kinds),
            "is_multiple": self.multiple,
            "with_kind": self.with_kind,
            "chosen": [(self._posted(item), item) for item in chosen.values()],
            "offered": [
                (KIND_TITLES[kind], [(self._posted(item), item) for item in offered if item.kind == kind])
                for kind in kinds
            ],
        }
        return context

    def _posted(self, item: Named) -> str:
        return f"{item.kind}:{item.id}" if self.with_kind else str(item.id)


@require_safe
def search(request: HttpRequest, context: Mapping[str, Any]) -> HttpResponse:
    """`?q=&kinds=group,contact&page=0` -> {"results": [{"id", "kind", "name"}], "more": bool}; by name only."""
    require(request, Permission.VIEW)
    kinds = [kind for kind in request.GET.get("kinds", "").split(",") if kind in pickable_kinds()]
    page = request.GET.get("page", "0")
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 0
    found = objects_named(request.GET.get("q", ""), list(dict.fromkeys(kinds)), page=number)
    titles = {kind: str(KIND_TITLES[kind]) for kind in kinds}
    return JsonResponse(
        {
            "results": [
                {"id": item.id, "kind": item.kind, "title": titles[item.kind], "name": item.name}
                for item in found.items
            ],
            "more": found.has_more,
        }
    )


def _listed(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, list | tuple | set) else [value]


def _number(value: Any) -> int | None:
    text = str(value).rpartition(":")[2]
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_ID else None
