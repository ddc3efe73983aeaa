"""What one tenant's API request can reach of another's: nothing. And what the role can do besides."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from security.envelope import Sealed
from storage import credentials, runtime
from storage.commands import give_command
from storage.database import Database, Role, act_as, parse_url
from storage.orders import OrderNews, intend, record
from storage.tables import (
    TENANT_TABLES,
    Account,
    ApiToken,
    Base,
    Control,
    Credential,
    Session,
    StrategyConfig,
    User,
)
from tests.integration.storage.conftest import NOON, Tenant, a_fill, an_order
from trading.events import Command
from trading.ids import UserId
from trading.orders import OrderEvent

SEALED = Sealed(sealed=b"sealed", wrapped_key=b"wrapped", master_key_id="k1")
EVERY_TENANT_TABLE = sorted({*TENANT_TABLES, "users"})
CLOSED_TABLES = ("account_leases", "account_cursors", "service_leases")
FLEETS_TABLES = ("order_intents", "orders", "runs", "account_runtime", "fills", "equity", "decisions", "candles")


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, Role.API)
    yield database
    await database.close()


@pytest.fixture
async def furnished(fleet: Database, ada: Tenant, ben: Tenant) -> tuple[Tenant, Tenant]:
    """Two tenants with a row in every table that can have one."""
    async with fleet.transaction() as tx:
        for tenant in (ada, ben):
            order = an_order(tenant)
            owner = {"user_id": tenant.user}
            await intend(tx, tenant.account, tenant.user, tenant.epoch, [order], None, NOON)
            opened = OrderNews(client_order_id=order.client_order_id, event=OrderEvent.OPENED)
            await record(tx, tenant.account, tenant.user, [opened, a_fill("1", "0.1", order=order)])
            await credentials.write(tx, tenant.account, tenant.user, SEALED, key_last4="4242")
            await runtime.set_states(tx, [(tenant.account, tenant.user)], "running")
            await tx.execute(insert(Control).values(scope=tenant.account, **owner))
            panic = Command(id="cmd_1", name="panic_sell", at=NOON, expires_at=NOON)
            await give_command(tx, tenant.account, tenant.user, panic)
            await tx.execute(
                insert(ApiToken).values(
                    id=f"tok_{tenant.user}", name="ci", token_hash=tenant.user.encode(), scopes=[], **owner
                )
            )
            await tx.execute(
                insert(Session).values(
                    id=f"ses_{tenant.user}",
                    kind="session",
                    secret_hash=tenant.user.encode(),
                    expires_at=NOON,
                    **owner,
                )
            )
    return ada, ben


async def test_a_user_sees_only_rows_of_their_own(api: Database, furnished: tuple[Tenant, Tenant]) -> None:
    ada, _ = furnished
    async with api.transaction(user=ada.user) as tx:
        assert await owners_seen(tx) == everywhere({ada.user})
    async with api.transaction(user=UserId("usr_nobody")) as tx:
        assert await owners_seen(tx) == everywhere(set())


async def test_a_query_that_forgot_its_user_finds_nothing(api: Database, furnished: tuple[Tenant, Tenant]) -> None:
    async with api.transaction() as tx:
        assert await owners_seen(tx) == everywhere(set())


async def test_staff_see_every_tenant(api: Database, furnished: tuple[Tenant, Tenant]) -> None:
    async with api.transaction(admin=True) as tx:
        everybody = {tenant.user for tenant in furnished}
        assert await owners_seen(tx) == everywhere(everybody)


def everywhere(owners: set[UserId]) -> dict[str, set[UserId]]:
    return {table: owners for table in EVERY_TENANT_TABLE}  # noqa: C420  (sets, which fromkeys would share)


async def owners_seen(tx: AsyncConnection) -> dict[str, set[UserId]]:
    columns = {table: "id" if table == "users" else "user_id" for table in EVERY_TENANT_TABLE}
    return {table: set(await tx.scalars(text(f"SELECT {column} FROM {table}"))) for table, column in columns.items()}


async def test_nothing_of_a_user_is_left_on_the_connection_for_the_next_one(
    api: Database, furnished: tuple[Tenant, Tenant]
) -> None:
    for _ in range(10):
        async with api.transaction(user=furnished[0].user, admin=True) as tx:
            assert await tx.scalar(select(func.count()).select_from(Account)) == 2
        async with api.transaction() as tx:
            assert await tx.scalar(select(func.count()).select_from(Account)) == 0


async def test_a_request_becomes_its_user_once_it_knows_them(api: Database, furnished: tuple[Tenant, Tenant]) -> None:
    ada, _ = furnished
    async with api.transaction(admin=True) as tx:
        user = await tx.scalar(select(Session.user_id).where(Session.secret_hash == ada.user.encode()))
        await act_as(tx, UserId(str(user)))
        assert (await tx.scalars(select(Account.user_id))).all() == [ada.user]


class TestWriting:
    async def test_does_not_touch_other_peoples_rows(self, api: Database, furnished: tuple[Tenant, Tenant]) -> None:
        ada, ben = furnished
        for admin in (False, True):  # staff read everything and write as whom they act for
            async with api.transaction(user=ada.user, admin=admin) as tx:
                changed = await tx.scalars(update(Account).values(name="mine").returning(Account.id))
                assert changed.all() == [ada.account]
                gone = await tx.scalars(delete(ApiToken).where(ApiToken.user_id == ben.user).returning(ApiToken.id))
                assert gone.all() == []

    @pytest.mark.parametrize(
        "forged",
        [
            insert(Account).values(id="acc_x", user_id="usr_ben", name="x", venue="paper", mode="paper"),
            insert(StrategyConfig).values(
                id="cfg_x", account_id="acc_ben", user_id="usr_ada", version=9, strategy="naive", params={}
            ),
            insert(Control).values(scope="acc_ben/BTC/USDT", user_id="usr_ada"),
            insert(Control).values(scope="usr_ben", user_id="usr_ada"),
            insert(Control).values(scope="*", user_id=None),
            insert(ApiToken).values(
                id="tok_x", user_id="usr_ada", account_id="acc_ben", name="x", token_hash=b"x", scopes=[]
            ),
            insert(User).values(id="usr_ada2", email="x@example.org", password_hash="-", role="user"),
            insert(User).values(id="usr_ada", email="x@example.org", password_hash="-", role="admin"),
            update(Account).values(user_id="usr_ben"),
            update(User).values(role="admin"),
        ],
        ids=str,
    )
    async def test_a_forged_row_is_refused(self, api: Database, furnished: tuple[Tenant, Tenant], forged: Any) -> None:
        with pytest.raises(ProgrammingError) as refused:
            async with api.transaction(user=furnished[0].user) as tx:
                await tx.execute(forged)
        assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)

    async def test_only_staff_turn_the_switch_over_everything_and_all_see_it(
        self, api: Database, furnished: tuple[Tenant, Tenant]
    ) -> None:
        ada, ben = furnished
        async with api.transaction(user=ada.user, admin=True) as tx:
            await tx.execute(insert(Control).values(scope="*", state="halted", changed_by=ada.user))
        async with api.transaction(user=ben.user) as tx:
            switched = update(Control).where(Control.scope == "*").values(state="active").returning(Control.scope)
            assert (await tx.scalars(switched)).all() == []
            assert await tx.scalar(select(Control.state).where(Control.scope == "*")) == "halted"


class TestTheRole:
    async def test_reads_nothing_of_the_fleets_own_tables(self, api: Database, ada: Tenant) -> None:
        for table in CLOSED_TABLES:
            with pytest.raises(ProgrammingError, match="permission denied"):
                async with api.transaction(user=ada.user, admin=True) as tx:
                    await tx.execute(text(f"SELECT FROM {table}"))

    async def test_writes_nothing_that_the_fleet_alone_knows(self, api: Database, ada: Tenant) -> None:
        for table in FLEETS_TABLES:
            column = next(column.name for column in Base.metadata.tables[table].columns)
            with pytest.raises(ProgrammingError, match="permission denied"):
                async with api.transaction(user=ada.user, admin=True) as tx:
                    await tx.execute(text(f"UPDATE {table} SET {column} = {column}"))

    async def test_puts_exchange_keys_in_and_never_gets_them_out(self, api: Database, ada: Tenant) -> None:
        async with api.transaction(user=ada.user) as tx:
            assert await credentials.write(tx, ada.account, ada.user, SEALED, key_last4="4242") == 1
            assert await credentials.write(tx, ada.account, ada.user, SEALED, key_last4="4343") == 2
            assert await tx.scalar(select(Credential.key_last4)) == "4343"
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with api.transaction(user=ada.user, admin=True) as tx:
                await credentials.read(tx, ada.account)


@pytest.fixture
def api_login(database_url: str) -> Iterator[str]:
    """A login of the API's own, as `docs/` advises: a member of one role and owner of nothing."""
    owner = parse_url(database_url)
    with psycopg.connect(owner.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
        connection.execute("DROP ROLE IF EXISTS api_login")
        connection.execute("CREATE ROLE api_login LOGIN PASSWORD 'only-here' NOINHERIT IN ROLE tradefleet_api")
    yield owner.set(username="api_login", password="only-here").render_as_string(hide_password=False)
    with psycopg.connect(owner.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
        connection.execute("DROP ROLE api_login")


class TestALoginOfTheApisOwn:
    async def test_serves_the_api_as_before(self, api_login: str, furnished: tuple[Tenant, Tenant]) -> None:
        database = Database(api_login, Role.API)
        async with database.transaction(user=furnished[0].user) as tx:
            assert (await tx.scalars(select(Account.id))).all() == [furnished[0].account]
        await database.close()

    @pytest.mark.parametrize(
        "way_out",
        [
            "SET ROLE tradefleet_fleet",
            "SET ROLE tradefleet",
            "ALTER TABLE accounts DISABLE ROW LEVEL SECURITY",
            "SET session_authorization TO tradefleet",
        ],
    )
    async def test_cannot_become_anybody_else(self, api_login: str, way_out: str) -> None:
        database = Database(api_login, Role.API)
        with pytest.raises(ProgrammingError) as refused:
            async with database.transaction() as tx:
                await tx.execute(text(way_out))
        assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)
        await database.close()

    async def test_has_less_without_its_role_than_with_it(
        self, api_login: str, furnished: tuple[Tenant, Tenant]
    ) -> None:
        database = Database(api_login, Role.API)
        async with database.transaction() as tx:
            await tx.execute(text("RESET ROLE"))
            with pytest.raises(ProgrammingError, match="permission denied"):
                await tx.execute(select(Account.id))
        await database.close()
