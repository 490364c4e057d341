"""What an empty list says, to whom, and that a search that hides everything says something else."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.urls import reverse

from tests.stories.harness import begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.channels.models import ProviderAccount
from tocsin.events.models import Integration
from tocsin.web.console.pages import console

pytestmark = pytest.mark.django_db
LISTS = {f"{model._meta.app_label}_{model._meta.model_name}": admin for model, admin in console._registry.items()}


def page(name: str, role: Role = Role.ADMIN, query: str = "") -> Any:
    return signed_in(role).get(reverse(f"console:{name}_changelist") + query)


@pytest.mark.parametrize("name", sorted(LISTS))
def test_every_list_says_what_belongs_there(name: str) -> None:
    empty = LISTS[name].empty  # type: ignore[attr-defined]
    assert empty is not None, f"Give {name} an `empty`"
    client = signed_in(Role.ADMIN)
    LogEntry.objects.all().delete()
    ProviderAccount.objects.all().delete()

    reply = client.get(reverse(f"console:{name}_changelist"))

    if name != "accounts_user":  # who looks is there
        assert str(empty.title) in reply.text
        assert "No results found" not in reply.text


@pytest.mark.parametrize("name", sorted(LISTS))
def test_a_search_that_finds_nothing_is_not_taken_for_an_empty_list(name: str) -> None:
    if not LISTS[name].search_fields:
        return
    reply = page(name, query="?q=zzzz")

    assert "Nothing matches" in reply.text
    assert "Clear filters" in reply.text
    assert str(LISTS[name].empty.title) not in reply.text  # type: ignore[attr-defined]


def test_the_first_row_is_offered_to_those_who_may_make_it(now: datetime) -> None:
    begin(now)
    Integration.objects.all().delete()
    manager, viewer = (page("events_integration", role) for role in (Role.MANAGER, Role.VIEWER))

    assert "Add the first integration" in manager.text
    assert "Create Integration" in manager.text
    assert "Create Integration" not in viewer.text
    assert reverse("console:events_integration_add") in manager.text
    assert "No integrations yet" in viewer.text
    assert "Add the first integration" not in viewer.text


def test_the_outbox_says_what_belongs_there(now: datetime) -> None:
    begin(now)
    admin, viewer = (signed_in(role).get("/console/outbox/").text for role in (Role.ADMIN, Role.VIEWER))

    assert "Nothing in the outbox" in admin
    assert "Open the provider accounts" in admin
    assert "Open the provider accounts" not in viewer
