"""Debian's amtool, unchanged, against a server: what it adds, finds, silences and expires."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.stories.programs import web_server
from tocsin.accounts.rules import Role
from tocsin.accounts.services import create_token
from tocsin.contacts.services import create_contact
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.delivery.worker import run_due
from tocsin.events.models import Event
from tocsin.events.services import create_integration
from tocsin.policies.models import SilencePolicy
from tocsin.policies.services import create_policy
from tocsin.policies.services.silences import create_silence

pytestmark = pytest.mark.django_db(transaction=True)


def test_amtool_adds_finds_silences_and_expires(tmp_path: Path) -> None:
    now = utc_now()
    _integration, posting = create_integration(by=SHELL, now=now, name="Prometheus")
    _row, reading = create_token(by=SHELL, now=now, name="amtool", role=Role.RESPONDER)
    ann = create_contact(by=SHELL, now=now, name="Ann", phone="", email="ann@example.org")
    create_policy(
        by=SHELL, now=now, name="Databases", targets=[(ann.pk, ["email"])],
        rules=[[{"key": "host", "operator": "in", "value": "db1, db2"}]],
    )  # fmt: skip
    create_silence(by=SHELL, now=now, name="Batch", rules=[[{"key": "team", "operator": "eq", "value": "batch"}]])
    program = shutil.which("amtool")
    assert program is not None, "amtool is needed: apt install prometheus-alertmanager"

    with web_server(tmp_path, faces="ingest,api") as port:

        def amtool(*words: str, token: str = reading, fails: bool = False) -> str:
            url = f"--alertmanager.url=http://any:{token}@127.0.0.1:{port}"
            done = subprocess.run([program, url, *words], capture_output=True, text=True)
            assert (done.returncode != 0) is fails, done.stderr
            return done.stderr if fails else done.stdout

        def as_json(*words: str) -> Any:
            return json.loads(amtool("-o", "json", *words))

        amtool("alert", "add", "DiskFull", "host=db1", "severity=critical", "--annotation=summary=full", token=posting)
        amtool("alert", "add", "Web", "host=web1", token=posting)

        assert [alert["labels"]["alertname"] for alert in as_json("alert", "query", "host=~db.")] == ["DiskFull"]
        assert [alert["receivers"] for alert in as_json("alert", "query", "DiskFull")] == [[{"name": "Databases"}]]
        assert "Databases" in amtool("config", "routes", "show")
        assert amtool("config", "routes", "test", "host=db2").strip() == "Databases"

        made = amtool("silence", "add", "host=db1", "--author=ann", "--comment=new disk", "--duration=2h").strip()
        run_due(utc_now())
        row = SilencePolicy.objects.get(name="new disk")
        assert (str(row.uuid), row.created_by) == (made, "ann")
        assert Event.objects.get(labels__host="db1").state == "silenced"
        assert as_json("alert", "query", "host=db1") == []
        assert as_json("alert", "query", "-s", "host=db1")[0]["status"]["silencedBy"] == [made]
        assert [silence["id"] for silence in as_json("silence", "query", "host=db1")] == [made]

        assert amtool("silence", "update", "--comment=takes longer", "--duration=5h", made)
        row.refresh_from_db()
        assert row.comment == "takes longer"

        fixed = as_json("silence", "query", "team=batch")[0]["id"]
        assert "400" in amtool("silence", "expire", fixed, fails=True)
        amtool("silence", "expire", made)
        run_due(utc_now())
        assert Event.objects.get(labels__host="db1").state == "active"
        assert made in [silence["id"] for silence in as_json("silence", "query", "--expired", "--within=1h")]

        assert "403" in amtool("silence", "add", "a=b", "--comment=no", token=posting, fails=True)

    assert SilencePolicy.objects.count() == 2
