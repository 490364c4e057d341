"""An alert for a web server that a test starts."""

from __future__ import annotations

import http.client
import json
from datetime import timedelta

from tocsin.core.clock import utc_now


def post(port: int, token: str, name: str) -> int:
    """As Prometheus does; returns the status."""
    now = utc_now()
    alert = {
        "labels": {"alertname": name},
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v2/alerts", json.dumps([alert]), headers)
        return connection.getresponse().status
    finally:
        connection.close()
