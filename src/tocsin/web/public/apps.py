from __future__ import annotations

from django.apps import AppConfig


class PublicConfig(AppConfig):
    name = "tocsin.web.public"
    label = "public"
