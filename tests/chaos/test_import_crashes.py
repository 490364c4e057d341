"""Workers that are killed in the middle of an import: another goes on, and nobody is there twice."""

from __future__ import annotations

import json

import pytest

from simulators.waiting import wait_until
from tests.chaos.programs import Program, on_this_database
from tests.chaos.threads import other_connections
from tocsin.contacts.import_models import ContactImport
from tocsin.contacts.models import Contact
from tocsin.contacts.rules.importing import ImportOptions, ImportState
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.delivery.crashes import is_worker_running
from tocsin.delivery.importing import begin_import, release_import

pytestmark = pytest.mark.django_db(transaction=True)


def state() -> ImportState:
    return ImportState(ContactImport.objects.values_list("state", flat=True)[0])


def test_after_a_killed_worker_the_next_one_finishes_without_doubles() -> None:
    people = [{"external_id": f"E{n}", "name": f"P {n}", "email": f"p{n}@example.org"} for n in range(5000)]
    row = begin_import(
        by=SHELL, now=utc_now(), file_name="x.json", format="json", content=json.dumps(people).encode(),
        options=ImportOptions(), language="",
    )  # fmt: skip
    with Program("worker", environment=on_this_database()) as first:
        wait_until(lambda: state() is ImportState.READY)
        assert is_worker_running()
        release_import(by=SHELL, now=utc_now(), import_id=row.pk, may_attest=False)
        wait_until(lambda: Contact.objects.exists())
        first.kill()
        wait_until(lambda: other_connections() == [])
    written = Contact.objects.count()
    assert not is_worker_running()

    with Program("worker", environment=on_this_database()):
        wait_until(lambda: state() is ImportState.DONE)

    row.refresh_from_db()
    assert 0 < written <= 5000
    assert Contact.objects.count() == 5000
    assert row.counts == {"created": 5000}
