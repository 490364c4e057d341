"""Every door, in one table, by face: `tocsin web --faces public,ingest` opens only theirs."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.csrf import csrf_exempt

from tocsin.web.alertmanager.urls import urlpatterns as alertmanager
from tocsin.web.arms.door import call
from tocsin.web.arms.wire import is_call
from tocsin.web.callbacks.urls import urlpatterns as callbacks
from tocsin.web.console.pages import console
from tocsin.web.console.site import front_door
from tocsin.web.ingest.urls import urlpatterns as ingest
from tocsin.web.operator.health import healthz, readyz
from tocsin.web.operator.metrics import metrics


@csrf_exempt  # signed requests are no browser's; the console's front door takes no POST
def root(request: HttpRequest) -> HttpResponse:
    """Two doors have one address: programs name an action, people open the console."""
    if "api" in settings.FACES and is_call(request):
        return call(request)
    if "console" in settings.FACES:
        return front_door(request)
    raise Http404


DOORS: dict[str, list[URLPattern | URLResolver]] = {
    "console": [
        path("", root),
        path("console/", include("tocsin.web.console.sign_in_urls")),
        path("console/", console.urls),
    ],
    "public": [path("", include("tocsin.web.public.urls"))],
    "ingest": [*ingest],
    "api": [path("", root), *alertmanager, path("api/v1/", include("tocsin.web.rest.api"))],
    "callbacks": [*callbacks],
    "operator": [path("healthz", healthz), path("readyz", readyz), path("metrics", metrics)],
}
urlpatterns = [pattern for face, patterns in DOORS.items() if face in settings.FACES for pattern in patterns]
