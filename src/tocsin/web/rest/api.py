"""The API: every resource, in one table."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI

from tocsin import __version__
from tocsin.web.rest import problems
from tocsin.web.rest.access_keys import access_keys
from tocsin.web.rest.alerts import alerts, events
from tocsin.web.rest.audit_log import audit_log
from tocsin.web.rest.checking import coverage, drills, explaining
from tocsin.web.rest.contact_imports import contact_export, contact_imports
from tocsin.web.rest.contacts import contacts
from tocsin.web.rest.deliveries import deliveries
from tocsin.web.rest.directories import directories
from tocsin.web.rest.document import Document, docs_page, document_view
from tocsin.web.rest.escalations import escalations
from tocsin.web.rest.fields import FastRenderer, StrictParser
from tocsin.web.rest.groups import groups
from tocsin.web.rest.integrations import integrations
from tocsin.web.rest.person_caps import person_caps
from tocsin.web.rest.personal_links import personal_links
from tocsin.web.rest.policies import policies
from tocsin.web.rest.provider_accounts import provider_accounts
from tocsin.web.rest.robots import robots
from tocsin.web.rest.schedules import schedules
from tocsin.web.rest.silences import inhibitions, silences
from tocsin.web.rest.subscriptions import subscriptions
from tocsin.web.rest.tokens import tokens
from tocsin.web.rest.users import users
from tocsin.web.rest.verifications import defaults, verifications
from tocsin.web.rest.webhooks import webhooks

RESOURCES = {
    "/contacts": contacts,
    "/contact-imports": contact_imports,
    "/contact-export": contact_export,
    "/verifications": verifications,
    "/personal-links": personal_links,
    "/directories": directories,
    "/contact-defaults": defaults,
    "/contact-groups": groups,
    "/robots": robots,
    "/webhooks": webhooks,
    "/subscriptions": subscriptions,
    "/integrations": integrations,
    "/policies": policies,
    "/escalation-policies": escalations,
    "/inhibitions": inhibitions,
    "/silences": silences,
    "/schedules": schedules,
    "/alerts": alerts,
    "/events": events,
    "/deliveries": deliveries,
    "/explain": explaining,
    "/coverage": coverage,
    "/drills": drills,
    "/provider-accounts": provider_accounts,
    "/person-caps": person_caps,
    "/users": users,
    "/tokens": tokens,
    "/access-keys": access_keys,
    "/audit-log": audit_log,
}


def _build() -> NinjaAPI:
    api = NinjaAPI(
        title="Tocsin",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        urls_namespace="rest",
        parser=StrictParser(),
        renderer=FastRenderer(),
    )
    problems.install(api)
    for prefix, resource in RESOURCES.items():
        api.add_router(prefix, resource.router)
    return api


api = _build()
document = Document(api)


@csrf_exempt
def _nothing_here(request: HttpRequest, **kwargs: str) -> HttpResponse:
    return problems.problem(404, "There is nothing at this address; /api/v1/docs shows what there is.")


def _with_problems(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A method that is not answered is a problem like any other. HEAD is GET, whose body the server leaves out."""

    @wraps(view)
    def answered(request: HttpRequest, **kwargs: object) -> HttpResponse:
        is_head = request.method == "HEAD"
        if is_head:
            request.method = "GET"
        response = view(request, **kwargs)
        if is_head:
            request.method = "HEAD"
        if response.status_code != 405:
            return response
        allowed = set(response.headers["Allow"].split(", "))
        allowed |= {"HEAD"} if "GET" in allowed else set()
        return problems.problem(405, "This address answers other methods.", Allow=", ".join(sorted(allowed)))

    return answered


def _operations() -> list[URLPattern]:
    patterns: list[URLPattern | URLResolver] = api.urls[0]
    found = [pattern for pattern in patterns if isinstance(pattern, URLPattern) and pattern.name != "api-root"]
    for pattern in found:
        pattern.callback = _with_problems(pattern.callback)
    return found


operations = _operations()
urlpatterns = [
    path("openapi.json", document_view(document), name="rest-openapi"),
    path("docs", docs_page, name="rest-docs"),
    *operations,
    path("<path:rest>", _nothing_here),
]
