"""Tocsin: the right people are told, and the proof of it is kept."""

__version__ = "0.1.0"
