"""Django's admin writes nothing itself: every registered page goes through services."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model
from django.http import HttpRequest
from django.test import RequestFactory

from tocsin.contacts.models import ContactGroup
from tocsin.contacts.services import create_group
from tocsin.core.actors import SHELL
from tocsin.web.console.pages import console
from tocsin.web.console.service_admin import ServiceAdmin, WritesThroughServicesError

ADMINS: list[Any] = sorted(console._registry.values(), key=lambda admin: str(admin.model._meta.label))
HOOKS = {"add": "add_row", "change": "change_row", "delete": "delete_rows"}


def name_of(admin: ModelAdmin[Model]) -> str:
    return type(admin).__name__


@pytest.mark.parametrize("admin", ADMINS, ids=name_of)
def test_every_page_is_a_service_admin(admin: Any) -> None:
    assert isinstance(admin, ServiceAdmin)
    assert not admin.list_editable
    assert not admin.inlines


@pytest.mark.parametrize("admin", ADMINS, ids=name_of)
def test_only_the_base_decides_how_rows_are_written(admin: Any) -> None:
    for name in ("save_model", "save_related", "delete_model", "delete_queryset", "save_form", "save_formset"):
        inherited = getattr(ServiceAdmin, name)
        assert getattr(type(admin), name) is inherited, f"{name_of(admin)} overrides {name}; override its hook instead"


@pytest.mark.parametrize("admin", ADMINS, ids=name_of)
def test_what_a_page_writes_it_writes_by_its_own_hook(admin: Any) -> None:
    request = RequestFactory().post("/")
    request.user = AnonymousUser()

    for write, hook in HOOKS.items():
        if write in admin.writes:
            assert getattr(type(admin), hook) is not getattr(ServiceAdmin, hook), f"{name_of(admin)} lacks {hook}"
            continue
        arguments: tuple[Any, ...] = {"add": ({},), "change": (None, {}), "delete": ([1],)}[write]
        with pytest.raises(WritesThroughServicesError, match=f"{name_of(admin)} must override {hook}"):
            getattr(admin, hook)(request, *arguments)


@pytest.mark.parametrize("admin", ADMINS, ids=name_of)
def test_related_rows_and_editable_lists_are_refused(admin: Any) -> None:
    request = RequestFactory().post("/")

    with pytest.raises(WritesThroughServicesError, match="save_related"):
        admin.save_related(request, None, [object()], True)
    with pytest.raises(WritesThroughServicesError, match="list_editable"):
        admin.get_changelist_formset(request)


@pytest.mark.django_db
def test_deleting_asks_the_hook_for_one_or_many(now: datetime) -> None:
    """Of the base, which alone decides: that is held above."""
    asked: list[Sequence[int]] = []

    class Groups(ServiceAdmin):
        def delete_rows(self, request: HttpRequest, ids: Sequence[int]) -> None:
            asked.append(ids)

    one, other = (create_group(by=SHELL, now=now, name=name) for name in ("Days", "Nights"))
    admin = Groups(ContactGroup, console)

    admin.delete_model(RequestFactory().post("/"), one)
    admin.delete_queryset(RequestFactory().post("/"), ContactGroup.objects.order_by("pk"))

    assert asked == [[one.pk], [one.pk, other.pk]]
