"""`python -m demo.pictures [NAME...]`: takes all pictures, or those, and writes docs/images."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from wsgiref.types import WSGIApplication

import time_machine
from playwright.sync_api import Browser, sync_playwright

from tocsin.cli.shared import database_running, exit_on_expected_errors, set_up_django

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
"""A Monday morning; the clock stands still, so that two runs differ in little."""
PUBLIC_URL = "https://tocsin.northwind.example"
_CHROMIUM = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--font-render-hinting=none",
)  # fmt: skip
_PNGQUANT, _COLOURS = "/usr/bin/pngquant", "128"


def main(names: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="tocsin-pictures-") as folder:
        Path(folder).chmod(0o711)  # the database's own user must reach its data
        for name in [name for name in os.environ if name.startswith(("TOCSIN_", "DJANGO_"))]:
            del os.environ[name]
        os.environ |= {
            "TOCSIN_DATA_DIR": f"{folder}/data",
            "TOCSIN_PUBLIC_URL": PUBLIC_URL,
            "TOCSIN_ORGANISATION": "Northwind",
            "TOCSIN_TIME_ZONE": "UTC",
            "TOCSIN_OUTGOING_ALLOW": "127.0.0.1",
            "TOCSIN_FACES": "console,public",
        }
        set_up_django()
        with database_running("screenshots"), time_machine.travel(NOW, tick=False):
            return _take(set(names))


def _take(names: set[str]) -> int:
    from demo.pictures import sample, scenes

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # playwright's loop runs in this thread, the ORM does not use it
    wanted = [scene for scene in scenes.SCENES if not names or scene.name in names]
    IMAGES.mkdir(exist_ok=True)
    northwind = sample.new_installation(NOW)
    with _served() as address:
        for is_new in (True, False):
            if not is_new:
                sample.fill(northwind)
            with _chromium() as browser:
                for scene in (scene for scene in wanted if scene.is_new == is_new):
                    target = IMAGES / f"{scene.name}.png"
                    scenes.take(scene, browser, address, northwind, target)
                    _shrink(target)
                    sys.stdout.write(f"{scene.name}.png {target.stat().st_size // 1024} KiB\n")
    if not names:
        known = {f"{scene.name}.png" for scene in wanted}
        for stray in [path for path in IMAGES.glob("*.png") if path.name not in known]:
            stray.unlink()
    return 0


@contextmanager
def _served() -> Iterator[str]:
    """The installation's pages on a free port, as `tocsin web` serves them."""
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

    from tocsin.config.wsgi import application

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    app: WSGIApplication = application
    server.set_app(app)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        sys.exit("The pictures are taken with Chromium; install the Debian package `chromium`.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_CHROMIUM))
        yield browser
        browser.close()


def _shrink(path: Path) -> None:
    """To a palette: a third of the size, and nobody sees it."""
    options = ["--force", "--skip-if-larger", "--strip", "--speed", "1", "--nofs", "--ext", ".png"]
    subprocess.run([_PNGQUANT, *options, _COLOURS, path], check=False)  # noqa: S603 (our own picture)


if __name__ == "__main__":
    with exit_on_expected_errors():
        sys.exit(main(sys.argv[1:]))
