"""Which database a command works on: the configured one, or this machine's private one for as long as it is needed."""

from collections.abc import Iterator
from contextlib import contextmanager

from storage.local import LocalDatabase
from tradefleet.settings import Settings, SettingsError

DIRECTORY = "database"
"""The private database's place in the data directory."""


def private_database(settings: Settings) -> LocalDatabase:
    return LocalDatabase(settings.data_dir / DIRECTORY, cache=settings.cache_dir)


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """The address of the database. A private one is started, and stopped when the block ends."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    server = private_database(settings)
    try:
        yield server.start()
    finally:
        server.stop()


def shared_database_url(settings: Settings) -> str:
    """For one process of many: a private database of its own would be none of the others'."""
    if settings.database_url is None:
        raise SettingsError(
            "TRADEFLEET_DATABASE_URL is not set, and this process shares its database with others: set it to "
            "`postgresql://user:password@host:5432/name`, or run all on this machine with `tradefleet up`"
        )
    return settings.database_url.get_secret_value()
