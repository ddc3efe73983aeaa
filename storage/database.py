"""The one door to PostgreSQL: an engine, a role, transactions.

A role is put on by `SET ROLE` when a connection is made, so that a query that forgets its tenant finds nothing instead
of everybody. That guards against our mistakes. It does not guard against somebody who runs SQL of their own on such a
connection, since the login behind it may put on another role. For that, give the API a login of its own that is a
member of `tradefleet_api` alone; nothing here changes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from enum import StrEnum
from typing import Any

import msgspec
import psycopg
from sqlalchemy import URL, bindparam, event, func, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from storage.dialect import DRIVER
from storage.errors import DatabaseNotMigrated, DatabaseUnreachable, StorageError
from trading.ids import UserId

POOL_TIMEOUT_S = 10
CONNECT_TIMEOUT_S = 5


class Role(StrEnum):
    OWNER = "none"
    """The login itself: migrations, and making the first administrator."""
    FLEET = "tradefleet_fleet"
    """Supervisor, gateway, ledger: all tenants."""
    API = "tradefleet_api"
    """Row-level security applies: sees the rows of the user that the transaction is for."""


class Edition(StrEnum):
    TIMESCALE = "timescale"
    """All of TimescaleDB."""
    APACHE = "apache"
    """Hypertables, but no continuous aggregates, compression or background policies."""


class Database:
    """A pool of connections in one role. Used and closed in one event loop.

    With `patience_s`, a transaction that has not ended by then is given up, whatever holds it up: a lock, a server that
    stands still, a network that swallows everything.
    """

    def __init__(self, url: str, role: Role, *, pool_size: int = 5, patience_s: float | None = None) -> None:
        self._url = parse_url(url)
        self._role = role
        self._patience_s = patience_s
        self._engine = create_async_engine(
            self._url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_S,
            pool_pre_ping=True,
            use_native_hstore=False,
            connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "application_name": f"tradefleet {role.name.lower()}"},
            json_serializer=lambda value: msgspec.json.encode(value).decode(),
            json_deserializer=msgspec.json.decode,
        )
        event.listen(self._engine.sync_engine, "connect", self._put_on_role)

    def __repr__(self) -> str:
        return f"Database({self._url!r}, {self._role.name})"

    @asynccontextmanager
    async def transaction(self, *, user: UserId | None = None, admin: bool = False) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        In the API role it sees and writes what belongs to `user`. With `admin` it reads across tenants: for finding
        out who somebody is, and for staff; it still writes as `user`.
        """
        try:
            async with asyncio.timeout(self._patience_s) as patience, aclosing(await self._connect()) as tx:
                try:
                    async with tx.begin():
                        if user is not None or admin:
                            await act_as(tx, user, admin=admin)
                        yield tx
                except DBAPIError as error:
                    if error.connection_invalidated:
                        raise unreachable(self._url, error) from error
                    raise
        except TimeoutError as error:
            if not patience.expired():
                raise
            raise DatabaseUnreachable(f"a transaction was given up after {self._patience_s:g} s") from error

    async def edition(self) -> Edition | None:
        """Which TimescaleDB the database has; None for plain PostgreSQL."""
        async with self.transaction() as tx:
            license_of = func.current_setting("timescaledb.license", True)
            installed = select(license_of).where(
                text("EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')")
            )
            name = await tx.scalar(installed)
            return Edition(name) if name else None

    async def close(self) -> None:
        await self._engine.dispose()

    async def _connect(self) -> AsyncConnection:
        try:
            return await self._engine.connect()
        except PoolExhausted:
            raise DatabaseUnreachable(f"every connection was busy for {POOL_TIMEOUT_S} s: use a larger pool") from None
        except DBAPIError as error:
            raise unreachable(self._url, error) from None

    def _put_on_role(self, connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        try:
            cursor.execute(
                "SELECT set_config('timezone', 'UTC', false), set_config('role', %s, false)", (self._role.value,)
            )
            connection.commit()
        except psycopg.errors.InvalidParameterValue:
            connection.close()
            raise DatabaseNotMigrated(
                f"the database has no role {self._role}: run `tradefleet migrate` on it first"
            ) from None
        finally:
            cursor.close()


# Each request asks this twice, so it is one object: SQLAlchemy then neither builds nor looks it up.
ACT_AS = select(
    func.set_config("tradefleet.user_id", bindparam("user"), True),
    func.set_config("tradefleet.admin", bindparam("admin"), True),
)


async def act_as(tx: AsyncConnection, user: UserId | None, *, admin: bool = False) -> None:
    """For the rest of this transaction, be this user: for a request that had to look up first who it comes from."""
    await tx.execute(ACT_AS, {"user": user or "", "admin": "on" if admin else ""})


def unreachable(url: URL, error: DBAPIError | psycopg.Error) -> DatabaseUnreachable:
    """The same in one sentence, with the address and without the password."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    lines = str(cause).splitlines() or [type(cause).__name__]
    said = lines[0].rpartition("failed: ")[2].strip()
    return DatabaseUnreachable(
        f"PostgreSQL at {url.host or 'localhost'}:{url.port or 5432}/{url.database} cannot be used ({said}): "
        "check that it runs, and TRADEFLEET_DATABASE_URL"
    )


def parse_url(url: str) -> URL:
    """A PostgreSQL address, whatever driver it names, as one for our dialect."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StorageError(
            "the database address cannot be read: it should look like postgresql://user:password@host:5432/name"
        ) from None
    if parsed.get_backend_name() not in {"postgresql", "postgres", "timescaledb"}:
        raise StorageError(f"the database must be PostgreSQL or TimescaleDB, and the address says {parsed.drivername}")
    return parsed.set(drivername=DRIVER)
