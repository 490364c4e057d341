"""Choices that several forms offer."""

from __future__ import annotations

from tocsin.web.shared.choices import fallback_choices as fallback_choices
from tocsin.web.shared.choices import language_choices as language_choices
from tocsin.web.shared.choices import zone_choices as zone_choices
