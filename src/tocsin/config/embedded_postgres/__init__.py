"""The embedded PostgreSQL server: found, started, watched and stopped.

Everything of it lives in the data folder:

    lock         who runs the server: `serve`, or one command while `serve` is down
    config/      written at every start; config/local.conf is yours
    binaries/    a copy of the server, only where its user cannot reach the virtual environment
    postgres/    data, log and run (the socket); mode 0700, of the user that the server runs as
"""

from __future__ import annotations

from tocsin.config.embedded_postgres.layout import Layout, connection_settings
from tocsin.config.embedded_postgres.lock import FolderInUseError, Holder
from tocsin.config.embedded_postgres.server import EmbeddedPostgres, WrongVersionError

__all__ = ["EmbeddedPostgres", "FolderInUseError", "Holder", "Layout", "WrongVersionError", "connection_settings"]
