import datetime as dt

from sqlalchemy import Column, DateTime, MetaData, Table, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from storage.dialect import TimescalePsycopg, TimescalePsycopgAsync, hypertable_statement

URL = "timescaledb+psycopg://somebody@127.0.0.1/somewhere"


def test_one_address_serves_both_kinds_of_engine() -> None:
    assert type(create_engine(URL).dialect) is TimescalePsycopg
    assert type(create_async_engine(URL).dialect) is TimescalePsycopgAsync


def test_what_is_made_for_postgresql_by_name_is_kept() -> None:
    assert create_engine(URL).dialect.name == "postgresql"


def test_names_that_need_quotes_get_them() -> None:
    table = Table(
        "Ada's",
        MetaData(),
        Column("At", DateTime),
        schema="Odd",
        timescaledb_hypertable={"time_column_name": "At", "chunk_time_interval": dt.timedelta(hours=36)},
    )
    statement = hypertable_statement(table, create_engine(URL).dialect)
    assert """create_hypertable('"Odd"."Ada''s"', by_range('At', interval '129600000000 us')""" in statement
