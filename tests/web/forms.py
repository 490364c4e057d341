"""Posting the forms of the console, and what they refuse."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse


def post(client: Client, view: str, data: dict[str, Any], *args: Any) -> Any:
    return client.post(reverse(f"console:{view}", args=args), data)


def errors(reply: Any) -> dict[str, list[str]]:
    assert reply.status_code == 200
    form = reply.context["adminform"].form
    return {field: [str(text) for text in texts] for field, texts in form.errors.items()}
