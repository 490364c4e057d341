"""One event against 10,000 policies and against 100, each policy with one `eq` on one of 20 labels.

`tocsin serve` as shipped, twice, with as many policies; single new events over one connection, each taken by one
policy, from the request to the answer after the commit. The two take turns. Beside it Debian's Alertmanager with the
same routes: it answers before it matches, so its processor time for each event is what stands there.

As a program (run beside `tocsin serve`) it writes the policies and prints the token of an integration.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure
from benchmarks.ingest import alertmanager, tocsin
from tocsin.cli.shared import set_up_django

_FEW, _MANY = 100, 10_000
_LABELS = 20
_ROUNDS = 4
_EVENTS = 100
"""In a round."""
_WARM_UP = 20
_AT_ONCE = 2000


def main() -> list[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-")))
        folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
        ours = {count: _with_policies(stack, folder / f"policies-{count}", count) for count in (_FEW, _MANY)}
        peers = {count: _with_routes(stack, folder / f"routes-{count}", count) for count in (_FEW, _MANY)}
        times: dict[int, list[float]] = {_FEW: [], _MANY: []}
        spent: dict[int, float] = dict.fromkeys(peers, 0.0)
        for number in range(_ROUNDS + 1):
            for count, (door, token) in ours.items():
                found = [_post(door, token, count, number, at) for at in range(_EVENTS if number else _WARM_UP)]
                times[count] += found if number else []
            for count, peer in peers.items():
                begun = _processor_seconds(peer)
                for at in range(_EVENTS if number else _WARM_UP):
                    _post(peer, "", count, number, at)
                time.sleep(0.5)
                spent[count] += _processor_seconds(peer) - begun if number else 0.0
    few, many = median(times[_FEW]), median(times[_MANY])
    theirs = {count: seconds / _ROUNDS / _EVENTS * 1000 for count, seconds in spent.items()}
    print(f"  Tocsin        {few:.1f} ms with {_FEW} policies, {many:.1f} ms with {_MANY:,}: {many / few:.2f} times")
    print(f"  Alertmanager  {theirs[_FEW]:.2f} ms of processor time with {_FEW} routes, "
          f"{theirs[_MANY]:.2f} ms with {_MANY:,}", flush=True)  # fmt: skip
    return [
        Figure(
            "one event against 10,000 policies, beside 100",
            f"{many / few:.2f} times ({many:.1f} ms to {few:.1f} ms)",
            "3 times",
        ),
        Figure(
            "Alertmanager's processor time for one event, 10,000 routes beside 100",
            f"{theirs[_MANY]:.2f} ms to {theirs[_FEW]:.2f} ms",
        ),
    ]


def _with_policies(stack: ExitStack, folder: Path, count: int) -> tuple[http.client.HTTPConnection, str]:
    port, _token = stack.enter_context(tocsin(folder))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    environment["TOCSIN_DATA_DIR"] = str(folder)
    command = [sys.executable, "-m", "benchmarks.policies", str(count)]
    made = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return http.client.HTTPConnection("127.0.0.1", port), made.stdout.strip()


def _with_routes(stack: ExitStack, folder: Path, count: int) -> http.client.HTTPConnection:
    folder.mkdir()
    routes = "".join(
        f"    - {{matchers: ['{key}=\"{value}\"'], receiver: nobody, continue: true}}\n"
        for key, value in map(_condition, range(count))
    )
    config = (
        "route:\n  receiver: nobody\n  group_by: [alertname]\n  group_wait: 1h\n  routes:\n"
        f"{routes}receivers: [{{name: nobody}}]\n"
    )
    return http.client.HTTPConnection("127.0.0.1", stack.enter_context(alertmanager(folder, config)))


def _condition(number: int) -> tuple[str, str]:
    return f"label{number % _LABELS}", f"value{number}"


def _post(door: http.client.HTTPConnection, token: str, count: int, number: int, at: int) -> float:
    """Milliseconds for one new event that one of the policies takes."""
    key, value = _condition((number * _EVENTS + at) * 37 % count)
    now = datetime.now(UTC)
    labels = {f"label{other}": "none" for other in range(_LABELS)} | {key: value}
    report = {
        "labels": {**labels, "alertname": f"Event{number}-{at}", "severity": "warning"},
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
    }
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    begun = time.monotonic()
    door.request("POST", "/api/v2/alerts", json.dumps([report]), headers)
    reply = door.getresponse()
    reply.read()
    assert reply.status == 200, reply.status
    return (time.monotonic() - begun) * 1000


def _processor_seconds(door: http.client.HTTPConnection) -> float:
    """Of the process that listens at this door, by its command line."""
    told = f"--web.listen-address=127.0.0.1:{door.port}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if told in (folder / "cmdline").read_bytes().split(b"\0"):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue
    raise LookupError("the peer does not run")


def _write(count: int) -> str:
    set_up_django()
    from tocsin.contacts.services import create_contact
    from tocsin.core.actors import SHELL
    from tocsin.core.clock import utc_now
    from tocsin.events.services import create_integration
    from tocsin.policies.models import NotificationPolicy, PolicyTarget, PolicyVersion

    now = utc_now()
    contact = create_contact(by=SHELL, now=now, name="Wei", phone="", email="wei@example.org")
    policies = NotificationPolicy.objects.bulk_create(
        [NotificationPolicy(name=f"Policy {number}", created_at=now, position=number) for number in range(count)],
        batch_size=_AT_ONCE,
    )
    versions = PolicyVersion.objects.bulk_create(
        [
            PolicyVersion(
                policy=policy, number=1, rules=[[{"key": key, "operator": "eq", "value": value}]],
                group_by=["alertname"], group_wait_seconds=86_400, created_at=now, created_by="benchmark",
            )
            for policy, (key, value) in zip(policies, map(_condition, range(count)), strict=True)
        ],
        batch_size=_AT_ONCE,
    )  # fmt: skip
    PolicyTarget.objects.bulk_create(
        [PolicyTarget(policy_version=version, object_id=contact.pk, channels=["email"]) for version in versions],
        batch_size=_AT_ONCE,
    )
    for policy, version in zip(policies, versions, strict=True):
        policy.current = version
    NotificationPolicy.objects.bulk_update(policies, ["current"], batch_size=_AT_ONCE)
    _integration, token = create_integration(by=SHELL, now=now, name="Source")
    return token


if __name__ == "__main__":
    print(_write(int(sys.argv[1])))
