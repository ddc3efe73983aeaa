import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import CheckConstraint

from storage import migrate
from storage.database import Database, Edition, Role, parse_url
from storage.errors import DatabaseUnreachable
from storage.local import LocalDatabase
from storage.tables import HYPERTABLES, PRIVATE_TABLES, TENANT_TABLES, Base


@pytest.fixture(params=["timescaledb", "plain"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    name = "database_server" if request.param == "timescaledb" else "plain_database_server"
    with request.getfixturevalue(name).database(empty=True) as url:
        yield url


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(parse_url(url).set(drivername="postgresql").render_as_string(hide_password=False)) as db:
        return db.execute(statement.encode()).fetchall()


def tables(url: str) -> set[str]:
    rows = query(
        url, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
    )
    return {str(name) for (name,) in rows}


def test_the_way_up_down_and_up_again_ends_where_it_began(url: str) -> None:
    assert migrate.current(url) is None
    migrate.upgrade(url)
    first = tables(url)
    migrate.downgrade(url, "base")
    assert tables(url) == {"alembic_version"}
    migrate.upgrade(url)
    assert tables(url) == first
    assert migrate.current(url) == migrate.newest()


def test_a_second_upgrade_changes_nothing(url: str) -> None:
    migrate.upgrade(url)
    migrate.upgrade(url)
    assert migrate.current(url) == migrate.newest()


def test_the_migrated_schema_is_the_one_in_the_code(url: str) -> None:
    migrate.upgrade(url)
    assert migrate.differences(url) == []


def test_the_migrated_check_constraints_are_the_ones_in_the_code(url: str) -> None:
    """Autogenerate does not look at them."""
    migrate.upgrade(url)
    rows = query(url, "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conname LIKE 'ck\\_%'")
    columns = [column for table in Base.metadata.sorted_tables for column in table.columns]
    declared = {
        str(check.name): words(str(check.sqltext))
        for column in columns
        for check in column.constraints
        if isinstance(check, CheckConstraint)
    }
    assert {str(name): words(str(definition)) for name, definition in rows} == declared != {}


def words(condition: str) -> set[str]:
    return set(re.findall(r"'(\w+)'", condition))


def test_every_tenant_table_has_forced_row_level_security(url: str) -> None:
    migrate.upgrade(url)
    secured = query(url, "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
    assert {name for (name,) in secured} == {*TENANT_TABLES, *PRIVATE_TABLES, "users"}


def test_time_series_are_hypertables_without_indexes_that_nobody_declared(database_url: str) -> None:
    rows = query(database_url, "SELECT hypertable_name FROM timescaledb_information.hypertables")
    assert {name for (name,) in rows} == set(HYPERTABLES)


async def test_the_database_knows_which_timescaledb_it_has(database_url: str, plain_database_url: str) -> None:
    for url, edition in ((database_url, Edition.APACHE), (plain_database_url, None)):
        database = Database(url, Role.FLEET)
        assert await database.edition() is edition
        await database.close()


def test_the_summaries_have_the_same_columns_everywhere(database_url: str, plain_database_url: str) -> None:
    statement = (
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_name IN ('fills_daily', 'equity_hourly') ORDER BY table_name, ordinal_position"
    )
    assert query(database_url, statement) == query(plain_database_url, statement) != []


def test_a_server_that_is_not_there_is_one_clear_sentence() -> None:
    with pytest.raises(DatabaseUnreachable, match=r"127\.0\.0\.1:1/nothing .*: check that it runs") as raised:
        migrate.upgrade("postgresql://somebody:canary@127.0.0.1:1/nothing")
    assert "canary" not in str(raised.value)


@pytest.mark.slow
def test_databases_on_one_new_server_may_be_migrated_at_once(cache_directory: Path) -> None:
    """The roles belong to the server: each migration finds that another is just making them."""
    names = [f"tenant_{number}" for number in range(3)]
    with LocalDatabase(None, cache=cache_directory) as local:
        address = parse_url(local.url)
        with psycopg.connect(
            address.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
        ) as connection:
            for name in names:
                connection.execute(f"CREATE DATABASE {name}".encode())
        urls = [address.set(database=name).render_as_string(hide_password=False) for name in names]
        upgrade = "import sys; from storage import migrate; migrate.upgrade(sys.argv[1])"
        together = [subprocess.Popen([sys.executable, "-c", upgrade, url]) for url in urls]
        assert [process.wait() for process in together] == [0] * len(urls)
        assert {migrate.current(url) for url in urls} == {migrate.newest()}
