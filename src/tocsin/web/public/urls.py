"""Pages without sign-in."""

from __future__ import annotations

from django.urls import path

from tocsin.web.public.alert import open_alert
from tocsin.web.public.calendar import calendar_feed
from tocsin.web.public.check_in import check_in_page
from tocsin.web.public.drill import drill_page
from tocsin.web.public.personal import ask_for_link, open_own_link, own, own_message
from tocsin.web.public.verification import enter_code, open_link

urlpatterns = [
    path("a/<path:token>", open_alert, name="open-alert"),
    path("v/", enter_code, name="enter-code"),
    path("v/<path:token>", open_link, name="open-link"),
    path("d/<path:token>", drill_page, name="confirm-drill"),
    path("h/<path:token>", check_in_page, name="check-in"),
    path("calendar/<str:token>.ics", calendar_feed, name="calendar-feed"),
    path("c/", ask_for_link, name="ask-for-link"),
    path("c/my/", own, name="own-page"),
    path("c/my/messages/<int:delivery_id>/", own_message, name="own-message"),
    path("c/<path:token>", open_own_link, name="open-own-link"),
]
