"""A private PostgreSQL server for one machine: for the demo, for tests, and for whoever has none."""

import secrets
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psycopg

from storage import binaries, datadir, postmaster
from storage.binaries import Binaries, Edition
from storage.dialect import DRIVER
from storage.errors import LocalDatabaseFailed

NAME = "tradefleet"
"""Of the database that the URL names."""


class LocalDatabase:
    """One server on one data directory, listening on 127.0.0.1 with a password.

    With a directory, what is committed is on disk when `COMMIT` returns, and the data is there at the next start,
    however the server ended. Without one the server is a throw-away: nothing is synced, and `stop` deletes all.

    The server ends with the thread that called `start`, also when this process is killed: on Linux, that is; elsewhere
    only `stop` ends it. The directory stays locked for as long as any process of the server lives.
    """

    def __init__(self, directory: Path | None, *, edition: Edition | None = None, cache: Path) -> None:
        self.description = "not started"
        self.url = ""
        self._durable = directory is not None
        self._directory = directory
        self._edition: Edition | None = edition
        self._cache = cache
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Bring the server up, recovering what a killed one left behind. Answers the URL of its database."""
        try:
            return self._start()
        except OSError as error:
            self.stop()
            raise LocalDatabaseFailed(f"the private database could not be started: {error}") from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server; nothing of it runs when this returns. Stopping twice is stopping once."""
        if self._process is not None:
            # A throw-away has no use for the checkpoint that an orderly shutdown writes.
            postmaster.end(self._process, signal.SIGINT if self._durable else signal.SIGQUIT)
            self._process = None
        if self._lock is not None:
            assert self._directory is not None
            if self._durable:
                datadir.release(self._directory, self._lock).close()
            else:
                datadir.discard(self._directory, self._lock)
                self._directory = None
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> str:
        cache = binaries.cache_for_server(self._cache)
        directory = self._take_directory(cache)
        server = binaries.find(self._edition or _edition_of(directory), cache)
        _check_fits(server, directory)
        password_file = directory / "password"
        if not (directory / "data").exists():
            password_file.write_text(secrets.token_hex(16))
            datadir.hand_over(password_file)
            (directory / "edition").write_text(server.edition)
        postmaster.initialise(server, directory, password_file, durable=self._durable)
        assert self._lock is not None
        self._process, port = postmaster.launch(server, directory, durable=self._durable, keep_open=self._lock.fileno())
        address = f"{postmaster.SUPERUSER}:{password_file.read_text()}@127.0.0.1:{port}"
        _prepare_database(f"postgresql://{address}")
        self.description = server.description
        self.url = f"{DRIVER}://{address}/{NAME}"
        return self.url

    def _take_directory(self, cache: Path) -> Path:
        """Our directory, made and locked."""
        if self._directory is None:
            self._directory, self._lock = datadir.take_scratch(cache / "scratch")
        else:
            self._lock = datadir.take(self._directory)
        return self._directory


def _edition_of(directory: Path) -> Edition | None:
    """The edition that the data was written by: it is not ours to change on a later start."""
    file = directory / "edition"
    if not file.exists() or not (directory / "data").exists():
        return None
    return "timescaledb" if file.read_text() == "timescaledb" else "plain"


def _check_fits(server: Binaries, directory: Path) -> None:
    if not (directory / "data").exists():
        return
    version = (directory / "data/PG_VERSION").read_text().strip()
    if (written_by := _edition_of(directory)) != server.edition or version != str(server.version):
        raise LocalDatabaseFailed(
            f"the data in {directory} was written by PostgreSQL {version} ({written_by}), and this is "
            f"{server.description}: choose another directory, or delete this one to start afresh"
        )


def _prepare_database(server_url: str) -> None:
    with psycopg.connect(f"{server_url}/postgres", autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
            connection.execute("CREATE DATABASE tradefleet")
    # The packages may be newer than at the last start: then the old version's library is gone, and only a session that
    # does not load it can look, and only a session's first statement can repair it.
    url = f"{server_url}/{NAME}"
    with psycopg.connect(url, options="-c timescaledb.disable_load=on") as connection:
        outdated = connection.execute(
            "SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb' AND installed_version <> default_version"
        ).fetchone()
    if outdated:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER EXTENSION timescaledb UPDATE")
