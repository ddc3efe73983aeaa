from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError

from storage import database as database_module
from storage.database import Database, Role, parse_url
from storage.errors import DatabaseNotMigrated, DatabaseUnreachable, StorageError
from storage.local import LocalDatabase
from storage.tables import User
from trading.ids import UserId

ADA = {"id": "usr_ada", "email": "ada@example.org", "password_hash": "-", "role": "user"}


async def count_users(database: Database) -> int:
    async with database.transaction() as tx:
        return await tx.scalar(select(func.count()).select_from(User)) or 0


class TestATransaction:
    async def test_is_committed_at_its_end(self, fleet: Database) -> None:
        async with fleet.transaction() as tx:
            await tx.execute(insert(User).values(ADA))
        assert await count_users(fleet) == 1

    async def test_is_rolled_back_by_whatever_is_raised_in_it(self, fleet: Database) -> None:
        async def fail_half_way() -> None:
            async with fleet.transaction() as tx:
                await tx.execute(insert(User).values(ADA))
                raise KeyError

        with pytest.raises(KeyError):
            await fail_half_way()
        assert await count_users(fleet) == 0

    async def test_says_itself_what_the_database_did_not_agree_with(self, fleet: Database) -> None:
        with pytest.raises(IntegrityError):
            async with fleet.transaction() as tx:
                await tx.execute(insert(User), [ADA, ADA])

    @pytest.mark.parametrize("role", list(Role))
    async def test_runs_in_its_role_and_in_utc(self, database_url: str, role: Role) -> None:
        database = Database(database_url, role)
        async with database.transaction(user=UserId("usr_ada")) as tx:
            user, zone, now = (await tx.execute(text("SELECT current_user, current_setting('timezone'), now()"))).one()
        assert user == ("tradefleet" if role is Role.OWNER else role.value)
        assert zone == "UTC"
        assert isinstance(now, datetime)
        assert now.utcoffset() == datetime.now(UTC).utcoffset()
        await database.close()


class TestADatabaseThatIsNotThere:
    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://ada:canary@127.0.0.1:1/nowhere",
            "postgresql://ada:canary@no-such-host.invalid/nowhere",
        ],
    )
    async def test_is_one_sentence_without_the_password(self, url: str) -> None:
        database = Database(url, Role.FLEET)
        with pytest.raises(DatabaseUnreachable, match="check that it runs") as raised:
            await count_users(database)
        assert "canary" not in str(raised.value) + repr(database)
        assert "\n" not in str(raised.value)

    @pytest.mark.parametrize(("part", "wrong"), [("password", "guess"), ("database", "elsewhere"), ("username", "eve")])
    async def test_is_also_one_that_does_not_let_us_in(self, database_url: str, part: str, wrong: str) -> None:
        url = parse_url(database_url).set(**{part: wrong})  # type: ignore[arg-type]
        with pytest.raises(DatabaseUnreachable):
            await count_users(Database(url.render_as_string(hide_password=False), Role.FLEET))

    async def test_may_go_away_in_the_middle_of_a_transaction(self, fleet: Database, database_url: str) -> None:
        async def lose_it() -> None:
            async with fleet.transaction() as tx:
                end_connection(database_url, await tx.scalar(text("SELECT pg_backend_pid()")))
                await tx.execute(select(1))

        with pytest.raises(DatabaseUnreachable):
            await lose_it()

    async def test_is_found_again_without_an_error_when_it_went_away_in_between(
        self, fleet: Database, database_url: str
    ) -> None:
        async with fleet.transaction() as tx:
            pid = await tx.scalar(text("SELECT pg_backend_pid()"))
        end_connection(database_url, pid)
        assert await count_users(fleet) == 0

    async def test_is_also_one_whose_connections_are_all_busy(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database_module, "POOL_TIMEOUT_S", 0.01)
        database = Database(database_url, Role.FLEET, pool_size=1)
        async with database.transaction():
            with pytest.raises(DatabaseUnreachable, match="larger pool"):
                await count_users(database)
        await database.close()


def end_connection(url: str, pid: int | None) -> None:
    with psycopg.connect(parse_url(url).set(drivername="postgresql").render_as_string(hide_password=False)) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@pytest.mark.slow
async def test_a_server_without_our_roles_says_what_to_run(cache_directory: Path) -> None:
    with LocalDatabase(None, edition="plain", cache=cache_directory) as new:
        database = Database(new.url, Role.FLEET)
        with pytest.raises(DatabaseNotMigrated, match="run `tradefleet migrate`"):
            await count_users(database)
        await database.close()


class TestAnAddress:
    @pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg", "timescaledb+psycopg"])
    def test_may_name_any_driver(self, scheme: str) -> None:
        url = parse_url(f"{scheme}://ada:secret@db.example.org:6543/fleet?sslmode=require")
        assert url.render_as_string(hide_password=False) == (
            "timescaledb+psycopg://ada:secret@db.example.org:6543/fleet?sslmode=require"
        )

    @pytest.mark.parametrize("url", ["", "db.example.org/fleet", "mysql://ada:canary@db.example.org/fleet"])
    def test_of_something_else_is_refused_without_repeating_it(self, url: str) -> None:
        with pytest.raises(StorageError, match="the database") as refused:
            parse_url(url)
        assert "canary" not in str(refused.value)
