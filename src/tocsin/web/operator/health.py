"""Whether this process lives, and whether it can do its work."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers; touches nothing else, so that a database outage restarts no web process."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers and has this version's tables, else 503 and which of them failed."""
    checks = {"database": "ok", "migrations": "ok"}
    try:
        connection.ensure_connection()
        if not _is_migrated():
            checks["migrations"] = "run `tocsin migrate`"
    except DatabaseError:
        checks = {"database": "not reachable", "migrations": "unknown"}
    is_ready = all(result == "ok" for result in checks.values())
    return JsonResponse({"ready": is_ready, "checks": checks}, status=200 if is_ready else 503)


def _is_migrated() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
