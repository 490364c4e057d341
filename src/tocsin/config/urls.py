"""Every door, in one table, by face: `tocsin web --faces public,ingest` opens only theirs."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver

DOORS: dict[str, list[URLPattern | URLResolver]] = {
    "console": [],
    "public": [],
    "ingest": [],
    "callbacks": [],
    "operator": [],
}
urlpatterns = [pattern for face, patterns in DOORS.items() if face in settings.FACES for pattern in patterns]
