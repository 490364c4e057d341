"""`tocsin serve`: its first start, its ends, and what it comes back from."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from django.contrib.auth.hashers import check_password

from simulators.waiting import wait_until
from tests.chaos.processes import connect, is_alive
from tests.chaos.serving import Serve, environment, tocsin

PASSWORD = re.compile(r"Sign in as `admin` with the password (\S+)")


def end(serve: Serve, number: signal.Signals = signal.SIGINT) -> int:
    serve.process.send_signal(number)
    return serve.process.wait(60)


def are_gone(family: list[psutil.Process]) -> bool:
    return not [member for member in family if is_alive(member.pid)]


def test_the_first_start_shows_the_administrators_password_once(folder: Path) -> None:
    with Serve(folder) as first:
        found = PASSWORD.search(first.output)
        with connect(folder) as connection:
            rows = connection.execute("SELECT username, is_superuser, password FROM accounts_user").fetchall()
            groups = connection.execute("SELECT name FROM auth_group ORDER BY name").fetchall()
            policies = connection.execute(
                "SELECT count(*) FROM policies_notificationpolicy WHERE is_enabled"
            ).fetchone()
    with Serve(folder) as second:
        again = PASSWORD.search(second.output)

    assert found is not None
    assert again is None
    assert [(name, is_superuser) for name, is_superuser, _ in rows] == [("admin", True)]
    assert check_password(found[1], rows[0][2])
    assert groups == [("admin",), ("manager",), ("responder",), ("viewer",)]
    assert policies == (0,)


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.thorough), signal.SIGTERM])
def test_a_signal_ends_everything(installed: Path, number: signal.Signals) -> None:
    with Serve(installed) as serve:
        family = serve.family()
        code = end(serve, number)

    assert code == 0
    assert len(family) >= 8
    assert are_gone(family)
    assert not (installed / "postgres" / "data" / "postmaster.pid").exists()


def test_a_second_serve_on_the_folder_says_so_and_ends(running: Serve) -> None:
    second = tocsin(running.folder, "serve", "--port", "0")

    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == f"`tocsin serve` (process {running.process.pid}) already runs on {running.folder}.\n"
    assert running.is_ready()


def test_other_commands_know_where_it_listens(running: Serve) -> None:
    create = ("integration", "create", "--json", "--name")
    made = tocsin(running.folder, *create, "Here")
    named = tocsin(running.folder, *create, "There", TOCSIN_PUBLIC_URL="https://alerts.example")

    assert f"- targets: ['{urlsplit(running.url).netloc}']" in json.loads(made.stdout)["prometheus_yml"]
    assert "- targets: ['alerts.example']" in json.loads(named.stdout)["prometheus_yml"]


def test_a_port_in_use_is_said_before_anything_starts(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = tocsin(folder, "serve", "--port", str(port))

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"Cannot listen on 127.0.0.1 port {port}: Address already in use. Choose another --port or --host.\n"
    )
    assert not folder.exists()


def test_whichever_child_is_killed_is_started_again(installed: Path) -> None:
    with Serve(installed) as serve:
        for name in ("worker", "web", "postgres"):
            kill_and_wait(serve, name)
        process_of_web = serve.child("web").children()[0]
        process_of_web.kill()
        wait_until(lambda: not is_alive(process_of_web.pid))
        wait_until(serve.is_ready)
        family = serve.family()

        code = end(serve)

        assert code == 0
        assert are_gone(family)
    after = tocsin(installed, "integration", "create", "--name", "Here", "--json")
    assert f"- targets: ['{urlsplit(serve.url).netloc}']" in json.loads(after.stdout)["prometheus_yml"]


def kill_and_wait(serve: Serve, name: str) -> None:
    """Until there is another one, and nothing is left of the first."""
    killed = serve.child(name)
    offspring = killed.children(recursive=True)
    killed.kill()
    wait_until(lambda: not is_alive(killed.pid))
    wait_until(lambda: has_child(serve, name))
    wait_until(serve.is_ready)
    wait_until(lambda: are_gone(offspring))


def has_child(serve: Serve, name: str) -> bool:
    try:
        return serve.child(name).is_running()
    except (StopIteration, psutil.Error):
        return False


def test_nothing_outlives_a_killed_serve_and_the_next_one_recovers(installed: Path) -> None:
    with Serve(installed) as serve:
        family = serve.family()
        with connect(installed) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id")

        serve.process.kill()
        wait_until(lambda: are_gone(family))

    with Serve(installed) as serve, connect(installed) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)
        assert serve.is_ready()


def test_the_database_of_another_version_is_refused(installed: Path) -> None:
    (installed / "postgres" / "data" / "PG_VERSION").write_text("17\n")

    refused = tocsin(installed, "serve", "--port", "0")

    assert refused.returncode == 1
    assert refused.stderr.endswith("Run `tocsin database upgrade`: it makes a backup first.\n")
    assert refused.stderr.count("\n") == 1


def test_commands_use_the_database_that_serve_runs(running: Serve) -> None:
    migrate = tocsin(running.folder, "migrate", "--json")
    wait_until(lambda: has_beaten(running.folder))
    doctor = tocsin(running.folder, "doctor", "--json")
    upgrade = tocsin(running.folder, "database", "upgrade")

    assert running.is_ready()
    assert json.loads(migrate.stdout) == {"applied": 0}
    found = {finding["name"]: finding["level"] for finding in json.loads(doctor.stdout)}
    assert (found["database"], found["migrations"], found["sms account"], found["worker"]) == (
        "ok",
        "ok",
        "warning",
        "ok",
    )
    assert doctor.returncode == 0
    assert (upgrade.returncode, "already runs on" in upgrade.stderr) == (1, True)


def has_beaten(folder: Path) -> bool:
    with connect(folder) as connection:
        return connection.execute("SELECT count(*) FROM delivery_beat").fetchone() != (0,)


def test_commands_run_the_database_while_serve_is_down_and_wait_for_each_other(folder: Path) -> None:
    before = tocsin(folder, "doctor", "--json")
    command = [sys.executable, "-m", "tocsin.cli", "migrate", "--json"]
    both = [
        subprocess.Popen(command, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=170) for process in both]
    again = tocsin(folder, "migrate", "--json")

    assert before.returncode == 1
    assert [process.returncode for process in both] == [0, 0]
    assert {errors.partition(" (")[0] for _, errors in answers} <= {"", "`tocsin migrate`"}, "a wait that took long"
    applied = sorted(json.loads(out)["applied"] for out, _ in answers)
    assert applied[0] == 0
    assert applied[1] > 30
    assert [bool(json.loads(out).get("password")) for out, _ in answers].count(True) == 1, "of the first administrator"
    assert json.loads(again.stdout) == {"applied": 0}
    assert not (folder / "postgres" / "data" / "postmaster.pid").exists()


@pytest.mark.thorough
def test_faces_limit_the_doors(installed: Path) -> None:
    with Serve(installed, TOCSIN_FACES="operator") as serve:
        answers = [serve.get(path)[0] for path in ("/healthz", "/console/", "/")]

    assert answers == [200, 404, 404]
