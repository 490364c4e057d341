from __future__ import annotations

from django.urls import path

from tocsin.web.callbacks.door import callback

urlpatterns = [path("callbacks/<str:provider>/<str:token>", callback, name="callback")]
