"""The WSGI application: the hot ingest door first, Django for everything else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from tocsin.core.traces import request_id_of, tracing
from tocsin.web.shared.base_path import below_base_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tocsin.config.settings")
_django = get_wsgi_application()

from tocsin.web.alertmanager.door import ALERTS_PATH, alerts  # noqa: E402 (tables can be named only from here on)
from tocsin.web.alertmanager.heartbeat import start_beating  # noqa: E402 (the same)

_SERVES_INGEST = "ingest" in settings.FACES
_READS_ELSEWHERE = "api" in settings.FACES
"""Django answers a GET of the same address."""
if _SERVES_INGEST:
    start_beating()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Every line that a request logs carries its id, which the answer has as X-Request-ID."""
    request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID", ""))

    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        return start_response(status, [*headers, ("X-Request-ID", request_id)], *more)

    with tracing(request_id=request_id):
        return _answered(below_base_path(environ), start)


def _answered(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    is_read = _READS_ELSEWHERE and environ["REQUEST_METHOD"] in ("GET", "HEAD")
    if _SERVES_INGEST and environ["PATH_INFO"] == ALERTS_PATH and not is_read:
        return alerts(environ, start_response)
    return _django(environ, start_response)
