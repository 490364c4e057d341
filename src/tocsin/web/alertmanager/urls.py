from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from tocsin.web.alertmanager import views
from tocsin.web.alertmanager.access import door, refusal
from tocsin.web.alertmanager.status import get_status


@csrf_exempt
def unknown(request: HttpRequest, rest: str = "") -> HttpResponse:
    return refusal(404, f"path /api/v2/{rest[:200]} was not found")


urlpatterns = [
    path("api/v2/alerts", door(get=views.list_alerts), name="am_alerts"),
    path("api/v2/alerts/groups", door(get=views.list_groups), name="am_groups"),
    path("api/v2/receivers", door(get=views.list_receivers), name="am_receivers"),
    path(
        "api/v2/silence/<str:silence_id>", door(get=views.get_silence, delete=views.expire_silence), name="am_silence"
    ),
    path("api/v2/silences", door(post=views.post_silence, get=views.list_silences), name="am_silences"),
    path("api/v2/status", door(get=get_status), name="am_status"),
    path("api/v2/", unknown),
    path("api/v2/<path:rest>", unknown),
]
