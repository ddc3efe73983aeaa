"""The folder of a private server: whose it is, and that one server at a time has it."""

import fcntl
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import IO

from storage.binaries import locked, reachable_by_server, server_user
from storage.errors import LocalDatabaseFailed

ORPHAN_TIMEOUT_S = 30
"""An orderly shutdown writes all that was changed to disk, which may take a while on a busy machine."""


def take(directory: Path) -> IO[str]:
    """Make the directory if there is none, and lock it. It is ours until what is answered here is closed."""
    if not reachable_by_server(directory.parent):
        raise LocalDatabaseFailed(
            f"run by root, the database server runs as `nobody`, who cannot reach {directory}: "
            "choose a data directory outside of root's home"
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
        hand_over(directory)
    except OSError as error:
        raise LocalDatabaseFailed(f"the data directory {directory} cannot be used: {error.strerror}") from None
    return _lock(directory)


def take_scratch(scratch: Path) -> tuple[Path, IO[str]]:
    """A new directory for a throw-away server, locked. Deletes what killed processes left of theirs."""
    with locked(scratch):  # so that nobody takes ours for a leftover before it is locked
        for leftover in scratch.glob("*/"):
            with (leftover / "lock").open("a+") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                shutil.rmtree(leftover)
        directory = scratch / secrets.token_hex(6)
        return directory, take(directory)


def discard(directory: Path, lock: IO[str]) -> None:
    """The end of a throw-away."""
    with locked(directory.parent), release(directory, lock):
        shutil.rmtree(directory)


def release(directory: Path, lock: IO[str]) -> IO[str]:
    """Let go of the directory, wait until no process of the server holds it either, and have it alone.

    A server that was killed leaves others of its processes behind for a moment.
    """
    lock.truncate(0)
    lock.close()
    return _lock(directory)


def hand_over(path: Path) -> None:
    path.chmod(0o700 if path.is_dir() else 0o600)
    if user := server_user():
        os.chown(path, user.pw_uid, user.pw_gid)


def _lock(directory: Path) -> IO[str]:
    """The directory's lock. The server inherits it, so an orphan that is still shutting down holds it too."""
    lock = (directory / "lock").open("a+")
    deadline = time.monotonic() + ORPHAN_TIMEOUT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read()
            if _is_alive(owner) or time.monotonic() > deadline:
                lock.close()
                raise LocalDatabaseFailed(
                    f"the data directory {directory} is in use by process {owner or '(unknown)'}: stop that first, "
                    "or choose another directory"
                ) from None
            time.sleep(0.05)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _is_alive(pid: str) -> bool:
    if not pid:
        return False  # an owner that has just let go, or has not yet written its number
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
