"""Settings come from the environment only; each has a row in docs/operate/settings.md (a test compares them)."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from tocsin.config.environment import (
    data_folder,
    database_settings,
    default_language,
    default_region,
    enabled_faces,
    log_format,
    outgoing_allow,
    peer,
    public_url,
    secret_keys,
    switch,
    time_zone,
    trusted_proxies,
    whole_number,
)
from tocsin.config.sign_in import ALLAUTH, identity_provider, least_role_with_second_factor
from tocsin.web.console.theme import UNFOLD as _UNFOLD

DATA_DIR: Path = data_folder()
DATABASES = {"default": database_settings(DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SECRET_KEYS: tuple[str, ...] = secret_keys(DATA_DIR)
"""The first encrypts and signs; the others still decrypt."""
SECRET_KEY = SECRET_KEYS[0] if SECRET_KEYS else "not-initialised"
SECRET_KEY_FALLBACKS = list(SECRET_KEYS[1:])

PUBLIC_URL = public_url()
BASE_PATH = urlsplit(PUBLIC_URL).path
"""What every address begins with, like /alerts: "" unless TOCSIN_PUBLIC_URL has a path."""
FORCE_SCRIPT_NAME = BASE_PATH or None
FACES = enabled_faces()
"""What this web process serves; every other door answers 404."""
ORGANISATION = os.environ.get("TOCSIN_ORGANISATION", "Tocsin")
DEFAULT_REGION = default_region()
DEFAULT_LANGUAGE = default_language()
"""Of messages to people, robots and webhooks that have chosen none. The code's own, and its logs', is LANGUAGE_CODE."""
MACHINE_ANSWERS = switch("TOCSIN_MACHINE_ANSWERS")
"""A call that a machine answers has reached its person; otherwise it failed and the fallback follows."""
ATTESTED_PHONES = switch("TOCSIN_ATTESTED_PHONES")
"""Administrators may vouch that a named source has proved a number, instead of the number's owner."""
PEER_URL, PEER_TOKEN = peer()
"""Another installation that is told every minute that this one lives."""
CALLS_PER_HOUR = whole_number("TOCSIN_CALLS_PER_HOUR", 30, largest=10_000)
TEXTS_PER_HOUR = whole_number("TOCSIN_TEXTS_PER_HOUR", 60, largest=10_000)
API_REQUESTS_PER_MINUTE = whole_number("TOCSIN_API_REQUESTS_PER_MINUTE", 1200, largest=1_000_000)
"""Of one token at /api/v1; 0 for no limit."""
RETENTION_DAYS = whole_number("TOCSIN_RETENTION_DAYS", 90, largest=36500)
OUTGOING_ALLOW = outgoing_allow()
"""Networks (CIDR) or host names that typed addresses may reach although they are private."""
TRUSTED_PROXIES = trusted_proxies()
IDENTITY_PROVIDER = identity_provider(PUBLIC_URL)
SECOND_FACTOR_FROM = least_role_with_second_factor()
"""The least role that needs a second factor, or None."""

DEBUG = False
ALLOWED_HOSTS = ["*"]  # links are built from TOCSIN_PUBLIC_URL alone, so a forged Host header reaches nothing
USE_TZ = True
TIME_ZONE = time_zone()
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]  # each by its own name, as its readers look for it
FORMAT_MODULE_PATH = "tocsin.config.formats"
LOCALE_PATHS = [str(Path(__file__).resolve().parent.parent / "locale")]

INSTALLED_APPS = [
    "tocsin.web.console",  # before unfold, some of whose templates it replaces
    "unfold.apps.BasicAppConfig",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "auditlog",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "tocsin.accounts",
    "tocsin.channels",
    "tocsin.contacts",
    "tocsin.events",
    "tocsin.oncall",
    "tocsin.policies",
    "tocsin.alerts",
    "tocsin.delivery",
    "tocsin.web.shared",
    "tocsin.web.public",
    "tocsin.web.rest",
    "ninja",
]
AUTH_USER_MODEL = "accounts.User"
ROOT_URLCONF = "tocsin.config.urls"
WSGI_APPLICATION = "tocsin.config.wsgi.application"
STATIC_URL = f"{BASE_PATH}/static/"
WHITENOISE_USE_FINDERS = True  # served from the installed packages: there is no collectstatic step to forget
WHITENOISE_MAX_AGE = 600
WHITENOISE_ALLOW_ALL_ORIGINS = False
FILE_UPLOAD_HANDLERS = [
    "tocsin.web.shared.uploads.DoorHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "tocsin.web.console.middleware.ConsoleMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "console:index"
UNFOLD = _UNFOLD
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
CSRF_TRUSTED_ORIGINS = [f"{urlsplit(PUBLIC_URL).scheme}://{urlsplit(PUBLIC_URL).netloc}"] if PUBLIC_URL else []

CONTACT_USES = [
    "tocsin.policies.queries.uses_of_objects",
    "tocsin.policies.queries.escalation_uses_of_objects",
    "tocsin.oncall.queries.uses_of_contacts",
    "tocsin.delivery.subscriptions.uses_of_webhooks",
]
"""What can name the users of a notification object: callables `(ids: Collection[int]) -> list[contacts.rules.Use]`."""
CONTACT_KINDS = {"schedule": "tocsin.oncall.models.Schedule"}
"""Notification objects of the apps above contacts: kind -> the model that has their names."""

globals().update(ALLAUTH)

LOGGING_CONFIG = None
log_format()  # refused here, whatever the command
