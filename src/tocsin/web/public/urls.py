"""Pages without sign-in."""

from __future__ import annotations

from django.urls import path

from tocsin.web.public.verification import enter_code, open_link

urlpatterns = [
    path("v/", enter_code, name="enter-code"),
    path("v/<path:token>", open_link, name="open-link"),
]
