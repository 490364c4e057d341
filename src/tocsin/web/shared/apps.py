from __future__ import annotations

from django.apps import AppConfig


class SharedConfig(AppConfig):
    """Templates that several faces show."""

    name = "tocsin.web.shared"
    label = "shared"
