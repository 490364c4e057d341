"""What somebody sends who means no good, or has no idea: it costs little, and nobody else."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.web.people import signed_in
from tests.web.rest.asking import token_of
from tocsin.accounts.rules import Role
from tocsin.contacts.import_models import ContactImport

pytestmark = pytest.mark.django_db
_LARGE = 3 * 2**20


def large_file() -> SimpleUploadedFile:
    """A CSV of contacts that is larger than what forms may hold."""
    return SimpleUploadedFile("people.csv", b"name,email\n" + b"Ann,ann@example.org\n" + b",\n" * (_LARGE // 2))


@pytest.mark.parametrize("door", ["/console/login/", "/v/", "/c/", "/a/nothing", "/console/contacts/contact/"])
def test_files_that_no_door_asks_for_are_refused_before_anything_is_kept_of_them(door: str) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.cookies["csrftoken"] = "a" * 32  # anybody's own

    reply = client.post(door, {"any": large_file()})

    assert reply.status_code == 400


def test_files_of_contacts_are_taken_where_they_are_asked_for() -> None:
    page = signed_in(Role.MANAGER).post("/console/contact-imports/", {"file": large_file(), "existing": "update"})
    token = token_of(Role.MANAGER)
    sent = {"Authorization": f"Bearer {token}"}
    api = Client().post("/api/v1/contact-imports", {"file": large_file()}, headers=sent)
    other = Client().post("/api/v1/contacts", {"file": large_file()}, headers=sent)

    assert (page.status_code, api.status_code, other.status_code) == (302, 201, 413)
    assert ContactImport.objects.count() == 2
