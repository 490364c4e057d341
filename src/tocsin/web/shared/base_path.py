"""An installation under a path: TOCSIN_PUBLIC_URL=https://example.org/alerts."""

from __future__ import annotations

from typing import Any

from django.conf import settings


def below_base_path(environ: dict[str, Any]) -> dict[str, Any]:
    """Proxies in front of a path pass it on or take it off; either way what is behind it counts."""
    path, base = environ["PATH_INFO"], settings.BASE_PATH
    if not base or not f"{path}/".startswith(f"{base}/"):
        return environ
    return {**environ, "PATH_INFO": path[len(base) :] or "/"}
