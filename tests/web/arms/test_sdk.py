"""The official SDK against a real server: what it sends is taken, and what is answered it can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from alibabacloud_arms20190808 import models as arms
from alibabacloud_arms20190808.client import Client
from alibabacloud_tea_openapi.utils_models import Config

from tests.stories.programs import web_server
from tests.web.arms.calling import program
from tocsin.contacts.models import Contact

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any) -> Iterator[int]:
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("arms"), faces="api,operator") as port:
        yield port


@pytest.fixture
def client(port: int) -> Client:
    key = program()
    return Client(
        Config(access_key_id=key.key_id, access_key_secret=key.secret, endpoint=f"127.0.0.1:{port}", protocol="HTTP")
    )


def test_contacts(client: Client) -> None:
    made = client.create_or_update_contact(
        arms.CreateOrUpdateContactRequest(contact_name="李 & Söhne", phone="13800000000", email="li@example.org")
    ).body.alert_contact
    assert made.contact_name == "李 & Söhne"

    found = client.describe_contacts(arms.DescribeContactsRequest(page=1, size=20, contact_name="söhne")).body.page_bean

    assert found.total == 1
    [contact] = found.alert_contacts
    assert (contact.contact_id, contact.phone, contact.email) == (made.contact_id, "13800000000", "li@example.org")
    assert (contact.is_verify, contact.reissue_send_notice) == (False, 3)
    assert Contact.objects.get().phone == "+8613800000000"
