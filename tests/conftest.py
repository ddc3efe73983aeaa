"""The databases that tests run on: one real server a run, one fresh, migrated database a test."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from storage import migrate
from storage.database import parse_url
from storage.local import LocalDatabase

_numbers = count(1)


@pytest.fixture(scope="session")
def cache_directory() -> Path:
    """Where downloads are kept between runs. Made once on a machine, it is shared by all checkouts on it."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("TRADEFLEET_CACHE_DIR") or Path(home) / "tradefleet")


class Server:
    """A throw-away server with one migrated database, from which others are copied."""

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)
        migrate.upgrade(url)

    @contextmanager
    def database(self, *, empty: bool = False) -> Iterator[str]:
        """A new database, migrated or empty, for as long as the block lasts."""
        name = f"test_{next(_numbers)}"
        template = "template1" if empty else str(self._url.database)
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield self._url.set(database=name).render_as_string(hide_password=False)
        finally:
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        address = self._url.set(drivername="postgresql", database="postgres")
        with psycopg.connect(address.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="session")
def database_server(cache_directory: Path) -> Iterator[Server]:
    """Real TimescaleDB where it can be had, as in production."""
    with LocalDatabase(None, cache=cache_directory) as local:
        yield Server(local.url)


@pytest.fixture(scope="session")
def plain_database_server(cache_directory: Path) -> Iterator[Server]:
    with LocalDatabase(None, edition="plain", cache=cache_directory) as local:
        yield Server(local.url)


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
