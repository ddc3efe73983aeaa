"""What can go wrong in storage. Messages say what to do next and hold no password."""

from sqlalchemy.exc import SQLAlchemyError


class StorageError(Exception):
    """Base of all."""


class DatabaseUnreachable(StorageError):
    """No connection, or it broke. After a broken commit nobody knows whether it happened: read before writing again."""


class DatabaseNotMigrated(StorageError):
    """The schema or its roles are missing, or older than this code."""


class LocalDatabaseFailed(StorageError):
    """The private database server could not be fetched, started or kept."""


DATABASE_ERRORS = (SQLAlchemyError, DatabaseUnreachable)
"""What to catch where work goes on without the database: it did not answer, or it did not agree."""
