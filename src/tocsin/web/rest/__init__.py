"""Tocsin's own API at `/api/v1`: what the console can do, for programs. Handlers only translate."""
