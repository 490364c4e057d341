"""Every door, in one table, by face: `tocsin web --faces public,ingest` opens only theirs."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from tocsin.web.alertmanager.urls import urlpatterns as alertmanager
from tocsin.web.callbacks.urls import urlpatterns as callbacks
from tocsin.web.console.pages import console
from tocsin.web.console.site import front_door
from tocsin.web.operator.health import healthz, readyz
from tocsin.web.operator.metrics import metrics

DOORS: dict[str, list[URLPattern | URLResolver]] = {
    "console": [
        path("", front_door),
        path("console/", include("tocsin.web.console.sign_in_urls")),
        path("console/", console.urls),
    ],
    "public": [path("", include("tocsin.web.public.urls"))],
    "ingest": [],
    "api": [*alertmanager],
    "callbacks": [*callbacks],
    "operator": [path("healthz", healthz), path("readyz", readyz), path("metrics", metrics)],
}
urlpatterns = [pattern for face, patterns in DOORS.items() if face in settings.FACES for pattern in patterns]
