"""The databases that tests run on: one real server a run, one fresh, migrated database a test."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from storage import migrate
from storage.binaries import Edition
from storage.database import parse_url
from storage.local import LocalDatabase


@pytest.fixture(scope="session")
def cache_directory() -> Path:
    """Where downloads are kept between runs. Made once on a machine, it is shared by all checkouts on it."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("TRADEFLEET_CACHE_DIR") or Path(home) / "tradefleet")


class Server:
    """A throw-away server with one migrated database, from which others are copied.

    Copying takes as long as a small test, so the next copy is made, and the last one dropped, while a test runs.
    """

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)
        self._numbers = count(1)
        self._backstage = ThreadPoolExecutor(1)
        migrate.upgrade(url)
        self._next = self._backstage.submit(self._create, str(self._url.database))

    @contextmanager
    def database(self, *, empty: bool = False) -> Iterator[str]:
        """A new database, migrated or empty, for as long as the block lasts."""
        if empty:
            name = self._create("template1")
        else:
            name = self._next.result()
            self._next = self._backstage.submit(self._create, str(self._url.database))
        try:
            yield self._url.set(database=name).render_as_string(hide_password=False)
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            self._backstage.submit(self._execute, drop)

    def close(self) -> None:
        self._backstage.shutdown(cancel_futures=True)

    def _create(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        self._execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def _execute(self, statement: sql.Composed) -> None:
        address = self._url.set(drivername="postgresql", database="postgres")
        with psycopg.connect(address.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def _served(edition: Edition | None, cache: Path) -> Iterator[Server]:
    with LocalDatabase(None, edition=edition, cache=cache) as local, closing(Server(local.url)) as server:
        yield server


@pytest.fixture(scope="session")
def database_server(cache_directory: Path) -> Iterator[Server]:
    """Real TimescaleDB where it can be had, as in production."""
    with _served(None, cache_directory) as server:
        yield server


@pytest.fixture(scope="session")
def plain_database_server(cache_directory: Path) -> Iterator[Server]:
    with _served("plain", cache_directory) as server:
        yield server


@pytest.fixture
def database_url(database_server: Server) -> Iterator[str]:
    with database_server.database() as url:
        yield url


@pytest.fixture
def plain_database_url(plain_database_server: Server) -> Iterator[str]:
    """The same schema on PostgreSQL without TimescaleDB."""
    with plain_database_server.database() as url:
        yield url


@pytest.fixture
def empty_database_url(database_server: Server) -> Iterator[str]:
    with database_server.database(empty=True) as url:
        yield url
