"""What can go wrong in storage. Messages say what to do next and hold no password."""

from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError


class StorageError(Exception):
    """Base of all."""


class DatabaseUnreachable(StorageError):
    """No connection, or it broke. After a broken commit nobody knows whether it happened: read before writing again."""


class DatabaseNotMigrated(StorageError):
    """The schema or its roles are missing, or older than this code."""


class LocalDatabaseFailed(StorageError):
    """The private database server could not be fetched, started or kept."""


DATABASE_ERRORS = (OperationalError, InterfaceError, DatabaseUnreachable)
"""What to catch where work goes on without the database. A statement that is wrong is not among them: it is a fault."""

REFUSED_BY_DATABASE = (DataError, IntegrityError, ProgrammingError)
"""The database is there and does not take this. It will not take it the next time either."""
