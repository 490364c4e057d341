"""1,000,000 contacts in 20,000 groups: every list, search and dialog of the console, and the same through the APIs.

`tocsin serve` as shipped. One request at a time over HTTP, from its first byte to the last of the page; scripts and
style sheets are not asked for. Beside the time stands what the page's statements alone cost when the database is asked
for them directly, and for all pages how many statements read a big table from end to end.
"""

from __future__ import annotations

import http.client
import os
import tempfile
import time
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlencode

from benchmarks.contact_pages import Page, pages
from benchmarks.crowd import crowd
from benchmarks.figures import Figure
from benchmarks.ingest import tocsin

_PEOPLE, _GROUPS = 1_000_000, 20_000
_REQUESTS = 40
_WARM_UP = 5
_AIM_MS = 300


def main() -> list[Figure]:
    people = int(os.environ.get("BENCH_PEOPLE", _PEOPLE))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-")))
        folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
        port, _ = stack.enter_context(tocsin(folder / "data"))
        begun = time.monotonic()
        made = crowd(folder / "data", people=people, groups=people * _GROUPS // _PEOPLE)
        print(f"  {people:,} contacts written and indexed in {time.monotonic() - begun:.0f} s", flush=True)
        headers, asked = pages(folder / "data", made)
        door = http.client.HTTPConnection("127.0.0.1", port)
        found = [(page, _times(door, headers, page)) for page in asked]
    print(f"    {'page':<52}{'p50':>7}{'p95':>7}{'bare SQL':>10}{'statements':>12}   ms; aim p95 {_AIM_MS}")
    for page, times in found:
        p95 = quantiles(times, n=20)[18]
        flag = " <-- over the aim" if p95 > _AIM_MS else ""
        print(f"    {page.name:<52}{median(times):>7.0f}{p95:>7.0f}{page.sql_ms:>10.1f}{page.statements:>12}{flag}")
    scans = [scan for page, _ in found for scan in page.scans]
    for scan in scans:
        print(f"    reads a table from end to end: {scan}", flush=True)
    figures = [_figure(kind, people, found) for kind in ("contacts", "search", "filter", "dialog", "REST", "ARMS")]
    what = f"{people:,} contacts: statements of {len(found)} kinds of pages that read a big table from end to end"
    return [*figures, Figure(what, str(len(scans)), "0")]


def _times(door: http.client.HTTPConnection, headers: dict[str, str], page: Page) -> list[float]:
    """Milliseconds of each request."""
    body = None if page.form is None else urlencode(page.form, doseq=True)
    kind = {} if body is None else {"Content-Type": "application/x-www-form-urlencoded"}
    times = []
    for path in islice(cycle(page.paths), _WARM_UP + _REQUESTS):
        begun = time.perf_counter()
        door.request("GET" if body is None else "POST", path, body, {**headers, **kind})
        reply = door.getresponse()
        reply.read()
        times.append((time.perf_counter() - begun) * 1000)
        assert reply.status == 200, (reply.status, path)
    return times[_WARM_UP:]


def _figure(kind: str, people: int, found: list[tuple[Page, list[float]]]) -> Figure:
    """The worst page of its kind speaks for all."""
    rows = [(quantiles(times, n=20)[18], page, times) for page, times in found if page.name.startswith(kind)]
    p95, page, times = max(rows, key=lambda row: row[0])
    return Figure(
        what=f"{people:,} contacts: slowest {kind} page of {len(rows)} ({page.name})",
        found=f"p50 {median(times):.0f} ms, p95 {p95:.0f} ms ({page.sql_ms:.0f} ms of it SQL)",
        aim=f"p95 {_AIM_MS} ms",
    )
