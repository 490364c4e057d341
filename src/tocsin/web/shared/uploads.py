"""Files are taken at the doors that ask for one. Anywhere else they would fill the disk before anybody is asked."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

from tocsin.contacts.rules.importing import MAX_FILE_BYTES

TAKES_FILES = frozenset({"console/contact-imports/", "api/v1/contact-imports"})
"""Routes."""
MOST_WITH_FILE = MAX_FILE_BYTES + 2**20
"""Bytes of such a form: its file and what stands beside it."""


class DoorHandler(FileUploadHandler):
    """The first of FILE_UPLOAD_HANDLERS: keeps nothing, and lets in only what the door may be sent."""

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> None:
        """RequestDataTooBig before anything is read."""
        match = self.request.resolver_match if self.request is not None else None
        is_awaited = match is not None and match.route in TAKES_FILES
        most = MOST_WITH_FILE if is_awaited else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if content_length > most:
            raise RequestDataTooBig

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
