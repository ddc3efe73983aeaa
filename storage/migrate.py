"""Bring a database's schema to a revision. Each call is one transaction: it happens whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from storage.database import parse_url, unreachable
from storage.tables import Base

LOCK = 0x7F1EE7
"""One migration at a time: processes that start together all ask for the newest schema."""


def upgrade(url: str, revision: str = "head") -> None:
    with _configured(url) as config:
        command.upgrade(config, revision)


def downgrade(url: str, revision: str) -> None:
    with _configured(url) as config:
        command.downgrade(config, revision)


def current(url: str) -> str | None:
    """The revision that the database is at; None when it has never been migrated."""
    with _connected(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """The revision that this code wants."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def differences(url: str) -> list[object]:
    """What the tables in code and in the database disagree about."""
    with _connected(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, Base.metadata))


def _config() -> Config:
    package = find_spec("migrations")
    assert package is not None
    assert package.submodule_search_locations
    config = Config()
    config.set_main_option("script_location", package.submodule_search_locations[0].replace("%", "%%"))
    return config


@contextmanager
def _configured(url: str) -> Iterator[Config]:
    with _connected(url) as connection:
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
        config = _config()
        config.attributes["connection"] = connection
        yield config


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    address = parse_url(url)
    engine = create_engine(address, poolclass=NullPool, use_native_hstore=False)
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        raise unreachable(address, error) from None
