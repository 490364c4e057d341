"""What to write where events come from, with the address and the token of an integration. Pure text."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

PLACEHOLDER = "YOUR-TOKEN"
"""Stands where the token would: only its digest is stored."""
ALERTS_PATH = "/api/v2/alerts"


@dataclass(frozen=True, slots=True)
class Recipe:
    """`file` names where the text belongs; "" for a command."""

    name: str
    file: str
    text: str


def recipes(url: str, token: str = PLACEHOLDER) -> list[Recipe]:
    """`url` is the installation's, also under a path."""
    return [
        Recipe("prometheus", "prometheus.yml", prometheus_yml(url, token)),
        Recipe("alertmanager", "prometheus.yml", beside_alertmanager_yml(url, token)),
        Recipe("curl", "", curl_command(url, token)),
        Recipe("amtool", "", amtool_command(url, token)),
        Recipe("alertmanager-webhook", "alertmanager.yml", alertmanager_yml(url, token)),
        Recipe("grafana", "provisioning/alerting/tocsin.yml", grafana_yml(url, token)),
        Recipe("cloudevents", "", cloudevents_command(url, token)),
        Recipe("json", "", json_command(url, token)),
        Recipe("arms", "", arms_command(url, token)),
    ]


def dialect_url(url: str, token: str, dialect: str) -> str:
    """Where one dialect is posted; ARMS's custom events have an address of their own."""
    path = f"/api/v1/events/{token}" if dialect == "arms" else f"/integrations/{token}/{dialect}"
    return url.rstrip("/") + path


def prometheus_yml(url: str, token: str) -> str:
    """The part of prometheus.yml that sends alerts here."""
    return "\n".join(["alerting:", "  alertmanagers:", *_target(url, token)])


def beside_alertmanager_yml(url: str, token: str) -> str:
    """As `prometheus_yml`, for a Prometheus that keeps its Alertmanager."""
    alertmanager = ["    - static_configs:", "        - targets: ['alertmanager.example.org:9093']  # yours, as it is"]
    return "\n".join(["alerting:", "  alertmanagers:", *alertmanager, *_target(url, token)])


def curl_command(url: str, token: str) -> str:
    """Posts one event, which resolves when the integration's time runs out."""
    event = [
        {
            "labels": {"alertname": "TryIt", "severity": "warning"},
            "annotations": {"summary": "only a test"},
        }
    ]
    return " \\\n  ".join(
        [
            f"curl {shlex.quote(url.rstrip('/') + ALERTS_PATH)}",
            f"-H 'Authorization: Bearer {token}'",
            "-H 'Content-Type: application/json'",
            f"-d {shlex.quote(json.dumps(event))}",
        ]
    )


def amtool_command(url: str, token: str) -> str:
    """The same with Alertmanager's own tool, which knows a password in the address and no token."""
    parts = urlsplit(url)
    address = f"{parts.scheme}://tocsin:{quote(token)}@{parts.netloc}{parts.path.rstrip('/')}"
    return " \\\n  ".join(
        [
            f"amtool --no-version-check --alertmanager.url={shlex.quote(address)}",
            "alert add TryIt severity=warning",
            "--annotation='summary=only a test'",
        ]
    )


def alertmanager_yml(url: str, token: str) -> str:
    """A receiver of an Alertmanager that stays in front."""
    lines = ["receivers:", "  - name: tocsin", "    webhook_configs:"]
    return "\n".join(
        [*lines, f"      - url: '{dialect_url(url, token, 'alertmanager')}'", "        send_resolved: true"]
    )


def grafana_yml(url: str, token: str) -> str:
    """A contact point of Grafana's own alerting, provisioned."""
    lines = ["apiVersion: 1", "contactPoints:", "  - name: Tocsin", "    receivers:", "      - uid: tocsin"]
    return "\n".join(
        [*lines, "        type: webhook", f"        settings: {{ url: '{dialect_url(url, token, 'grafana')}' }}"]
    )


def cloudevents_command(url: str, token: str) -> str:
    event = {
        "specversion": "1.0", "id": "1", "source": "/backup/db1", "type": "org.example.backup.failed",
        "severity": "warning", "data": {"message": "only a test"},
    }  # fmt: skip
    return _post(dialect_url(url, token, "cloudevents"), "application/cloudevents+json", event)


def json_command(url: str, token: str) -> str:
    event = {"title": "TryIt", "severity": "warning", "message": "only a test", "labels": {"host": "db1"}}
    return _post(dialect_url(url, token, "json"), "application/json", event)


def arms_command(url: str, token: str) -> str:
    event = {"labels": {"alertname": "TryIt", "severity": "warning"}, "annotations": {"message": "only a test"}}
    return _post(dialect_url(url, token, "arms"), "application/json", event)


def _post(address: str, kind: str, content: object) -> str:
    return " \\\n  ".join(
        [f"curl {shlex.quote(address)}", f"-H 'Content-Type: {kind}'", f"-d {shlex.quote(json.dumps(content))}"]
    )


def _target(url: str, token: str) -> list[str]:
    parts = urlsplit(url)
    lines = [f"    - scheme: {parts.scheme}"]
    if path := parts.path.rstrip("/"):
        lines.append(f"      path_prefix: {path}")
    return [
        *lines,
        "      authorization:",
        f"        credentials: {token}",
        "      static_configs:",
        f"        - targets: ['{parts.netloc}']",
    ]
