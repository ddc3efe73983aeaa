"""`timescaledb+psycopg://`: PostgreSQL with hypertables, over psycopg 3, synchronous and asynchronous.

sqlalchemy-timescaledb gives tables their `timescaledb_hypertable` option but speaks only psycopg2 and asyncpg, and
calls its dialect `timescaledb`, which switches off all that SQLAlchemy and Alembic do for `postgresql` by name. Here
the option is kept and the dialect stays `postgresql`.
"""

import datetime as dt
import select
from typing import Any

import sqlalchemy_timescaledb  # noqa: F401  (it teaches `Table` the option)
from sqlalchemy import DDL, URL, Connection, Table, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg, PGDialectAsync_psycopg
from sqlalchemy.engine.interfaces import Dialect

DRIVER = "timescaledb+psycopg"


class TimescalePsycopg(PGDialect_psycopg):
    supports_statement_cache = True

    @classmethod
    def get_async_dialect_cls(cls, _url: URL) -> type[Dialect]:
        # The parent names its own asynchronous class here: an async engine would then quietly not be this dialect.
        return TimescalePsycopgAsync


class TimescalePsycopgAsync(PGDialectAsync_psycopg):
    supports_statement_cache = True

    def do_ping(self, dbapi_connection: Any) -> bool:
        # A server that goes away says so, or closes the socket. Only then is it asked: asking every time would cost as
        # much as a small transaction.
        heard = select.poll()
        heard.register(dbapi_connection.driver_connection.pgconn.socket, select.POLLIN)
        asked: bool = not heard.poll(0) or super().do_ping(dbapi_connection)  # type: ignore[no-untyped-call]
        return asked

    @classmethod
    def get_async_dialect_cls(cls, _url: URL) -> type[Dialect]:
        return cls


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def hypertable_statement(table: Table, dialect: Dialect) -> str:
    """SQL that makes a table a hypertable where TimescaleDB is there, and leaves it an ordinary one where it is not.

    The server decides when the statement runs, so it is right in an offline script too. Indexes are ours to declare:
    TimescaleDB's default one would show as a difference in every autogenerate.
    """
    option = table.dialect_options["timescaledb"]["hypertable"]
    name = _literal(dialect.identifier_preparer.format_table(table))
    chunk: dt.timedelta = option["chunk_time_interval"]
    dimension = (
        f"by_range({_literal(option['time_column_name'])}, interval '{chunk // dt.timedelta(microseconds=1)} us')"
    )
    return (
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN "
        f"PERFORM create_hypertable({name}, {dimension}, create_default_indexes => false); "
        "END IF; END $$"
    )


@event.listens_for(Table, "after_create")
def _make_hypertable(table: Table, connection: Connection, **_: Any) -> None:
    if connection.dialect.name == "postgresql" and table.dialect_options["timescaledb"]["hypertable"]:
        # DDL fills in %-formats, and an identifier may hold a percent sign.
        statement = hypertable_statement(table, connection.dialect).replace("%", "%%")
        connection.execute(DDL(statement))  # type: ignore[no-untyped-call]


registry.register("timescaledb.psycopg", __name__, "TimescalePsycopg")
registry.register("timescaledb.psycopg_async", __name__, "TimescalePsycopgAsync")
