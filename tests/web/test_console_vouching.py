"""Who vouches for a number without the contact, and when that is allowed."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from tests.stories.harness import Story
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.contacts.models import Contact

pytestmark = pytest.mark.django_db


def test_an_administrator_vouches_for_a_number_where_the_settings_allow_it(story: Story, settings: Any) -> None:
    settings.ATTESTED_PHONES = True
    ann = story.contact("Ann", verified=False)
    page, url = (reverse(f"console:contacts_contact_{name}", args=[ann.pk]) for name in ("overview", "attest_number"))
    admin, manager = signed_in(Role.ADMIN), signed_in(Role.MANAGER)

    assert url in admin.get(page).content.decode()
    assert url not in manager.get(page).content.decode()
    assert manager.post(url, {"source": "HR directory"}).status_code == 403
    assert not Contact.objects.filter(phone_verified_at__isnull=False).exists()
    admin.post(url, {"source": "HR directory, 2026-11-01"})

    shown = admin.get(page).content.decode()
    assert "attested, not proved by the contact" in shown
    assert "Vouched for by: HR directory, 2026-11-01" in shown
    assert url not in shown


def test_nobody_vouches_for_a_number_unless_the_settings_allow_it(story: Story) -> None:
    ann = story.contact("Ann", verified=False)
    url = reverse("console:contacts_contact_attest_number", args=[ann.pk])

    assert signed_in(Role.ADMIN).post(url, {"source": "HR directory"}).status_code == 403
    assert not Contact.objects.filter(phone_verified_at__isnull=False).exists()
