"""Every provider, one row each. The only module that names them."""

from __future__ import annotations

from tocsin.channels.base import ProviderType

PROVIDERS: dict[str, ProviderType] = {}
