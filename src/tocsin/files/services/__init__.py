"""Writes of what files describe."""

from __future__ import annotations

from tocsin.files.services.applying import Report, apply_files

__all__ = ["Report", "apply_files"]
