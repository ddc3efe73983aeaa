"""What can go wrong in storage. Messages say what to do next and hold no password."""


class StorageError(Exception):
    """Base of all."""


class DatabaseUnreachable(StorageError):
    """No connection, or it broke. After a broken commit nobody knows whether it happened: read before writing again."""


class DatabaseNotMigrated(StorageError):
    """The schema or its roles are missing, or older than this code."""


class LocalDatabaseFailed(StorageError):
    """The private database server could not be fetched, started or kept."""
