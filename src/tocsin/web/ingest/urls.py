from __future__ import annotations

from django.urls import path, re_path

from tocsin.web.ingest.door import post, post_to_arms

urlpatterns = [
    path("integrations/<str:token>/<str:dialect>", post, name="ingest"),
    re_path(r"^api/v1/events/(?P<token>tci_\w+)$", post_to_arms, name="arms_events"),
]
