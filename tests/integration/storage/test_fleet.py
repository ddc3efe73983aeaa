from datetime import timedelta
from decimal import Decimal
from functools import partial

import msgspec
import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from security.envelope import Sealed
from storage import credentials, runtime
from storage.credentials import CredentialMissing
from storage.database import Database
from storage.events import events_after
from storage.fleet import controls_for, desired, open_runs
from storage.tables import Account, AccountRuntime, Control, Run, StrategyConfig
from tests.integration.storage.conftest import NOON, Tenant
from trading.events import Control as ControlState
from trading.ids import AccountId, Asset, Symbol, UserId

SEALED = Sealed(sealed=b"sealed", wrapped_key=b"wrapped", master_key_id="k1")


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    account: AccountId
    user: UserId
    state: str = "running"
    reason: str = ""


class Balance(msgspec.Struct, frozen=True):
    free: Decimal
    locked: Decimal


async def put_key(tx: AsyncConnection, tenant: Tenant) -> int:
    return await credentials.write(tx, tenant.account, tenant.user, SEALED, key_last4="4242")


async def add_config(tx: AsyncConnection, tenant: Tenant, version: int) -> str:
    config = f"{tenant.config}_{version}"
    await tx.execute(
        insert(StrategyConfig).values(
            id=config,
            account_id=tenant.account,
            user_id=tenant.user,
            version=version,
            strategy="naive",
            params={"dip": str(version)},
        )
    )
    return config


class TestDesiredAccounts:
    async def test_have_a_key_and_the_newest_strategy(self, fleet: Database, ada: Tenant, ben: Tenant) -> None:
        async with fleet.transaction() as tx:
            await put_key(tx, ada)
            newest = await add_config(tx, ada, 2)
            (wanted,) = await desired(tx)
        assert (wanted.account, wanted.user, wanted.config_id) == (ada.account, ada.user, newest)
        assert wanted.params == {"dip": "2"}
        assert (wanted.isolation, wanted.crash_contract, wanted.time_zone) == ("dedicated", "resume", "UTC")

    @pytest.mark.parametrize(
        "change", [{"desired_state": "paused"}, {"desired_state": "stopped"}, {"archived_at": NOON}]
    )
    async def test_are_those_that_should_run(self, fleet: Database, ada: Tenant, change: dict[str, object]) -> None:
        async with fleet.transaction() as tx:
            await put_key(tx, ada)
            await tx.execute(update(Account).values(change))
            assert await desired(tx) == []

    async def test_get_another_revision_with_another_strategy_or_key(self, fleet: Database, ada: Tenant) -> None:
        revisions = set()
        async with fleet.transaction() as tx:
            for step in (put_key, put_key, partial(add_config, version=2)):
                await step(tx, ada)
                (wanted,) = await desired(tx)
                revisions.add(wanted.revision)
        assert len(revisions) == 3


class TestRuns:
    async def test_of_many_accounts_are_opened_at_once_and_go_on_under_new_params(
        self, fleet: Database, ada: Tenant, ben: Tenant
    ) -> None:
        async with fleet.transaction() as tx:
            newer = await add_config(tx, ada, 2)
            wanted = [(ben.account, ben.user, ben.config), (ada.account, ada.user, newer)]
            assert await open_runs(tx, wanted) == {ada.account: ada.run, ben.account: ben.run}
            configs = dict((await tx.execute(select(Run.id, Run.config_id))).all())
            assert configs == {ada.run: newer, ben.run: ben.config}
            assert await open_runs(tx, []) == {}


class TestControls:
    async def test_the_strictest_level_holds(self, fleet: Database, ada: Tenant) -> None:
        async with fleet.transaction() as tx:
            assert await controls_for(tx, ada.account, ada.user) == (ControlState.ACTIVE, {})
            for scope, state in (
                ("*", "active"),
                (ada.user, "reduce_only"),
                (ada.account, "active"),
                ("acc_ada/BTC/USDT", "halted"),
                ("acc_adam", "halted"),
                ("acc_adam/ETH/USDT", "halted"),
            ):
                await tx.execute(insert(Control).values(scope=scope, state=state))
            assert await controls_for(tx, ada.account, ada.user) == (
                ControlState.REDUCE_ONLY,
                {Symbol("BTC/USDT"): ControlState.HALTED},
            )


class TestCredentials:
    async def test_come_back_as_they_were_sealed(self, fleet: Database, ada: Tenant) -> None:
        async with fleet.transaction() as tx:
            with pytest.raises(CredentialMissing, match="put one in first"):
                await credentials.read(tx, ada.account)
            assert [await put_key(tx, ada), await put_key(tx, ada)] == [1, 2]
            assert await credentials.read(tx, ada.account) == SEALED

    async def test_keep_their_version_under_another_master_key(self, fleet: Database, ada: Tenant) -> None:
        rewrapped = Sealed(sealed=b"sealed", wrapped_key=b"anew", master_key_id="k2")
        async with fleet.transaction() as tx:
            await put_key(tx, ada)
            await credentials.rewrap(tx, ada.account, rewrapped)
            assert await credentials.read(tx, ada.account) == rewrapped
            assert [wanted.credential_version for wanted in await desired(tx)] == [1]


class TestRuntime:
    async def test_heartbeats_of_many_are_one_statement(self, fleet: Database, ada: Tenant, ben: Tenant) -> None:
        beats = [Beat(account=tenant.account, user=tenant.user) for tenant in (ben, ada)]
        async with fleet.transaction() as tx:
            await runtime.heartbeat(tx, "host-1", [], NOON)
            await runtime.heartbeat(tx, "host-1", beats, NOON)
            rows = (await tx.execute(select(AccountRuntime.account_id, AccountRuntime.host))).all()
        assert sorted(rows) == [(ada.account, "host-1"), (ben.account, "host-1")]

    async def test_the_time_of_a_change_stays_while_nothing_changes(self, fleet: Database, ada: Tenant) -> None:
        async def changed_at(state: str) -> object:
            async with fleet.transaction() as tx:
                await runtime.heartbeat(tx, "host-1", [Beat(account=ada.account, user=ada.user, state=state)], NOON)
                return await tx.scalar(select(AccountRuntime.changed_at))

        first, same, other = [await changed_at(state) for state in ("running", "running", "halted")]
        assert first == same != other

    async def test_quarantine_outlasts_whatever_is_still_said_of_the_trader(
        self, fleet: Database, ada: Tenant, ben: Tenant
    ) -> None:
        both = [(ada.account, ada.user), (ben.account, ben.user)]
        async with fleet.transaction() as tx:
            await runtime.set_states(tx, [(ada.account, ada.user)], runtime.QUARANTINED, "5 failures in 30 s")
            await runtime.heartbeat(tx, "host-1", [Beat(account=a, user=u) for a, u in both], NOON)
            await runtime.set_states(tx, both, "stopped")
            assert await runtime.quarantined(tx) == {ada.account}
            states = dict((await tx.execute(select(AccountRuntime.account_id, AccountRuntime.state))).all())
        assert states == {ada.account: "quarantined", ben.account: "stopped"}

    async def test_a_person_lets_an_account_out_of_quarantine(self, fleet: Database, ada: Tenant, ben: Tenant) -> None:
        async with fleet.transaction() as tx:
            await runtime.set_states(tx, [(ada.account, ada.user)], runtime.QUARANTINED, "5 failures in 30 s")
            await runtime.set_states(tx, [(ben.account, ben.user)], "running")
            assert await runtime.release(tx, ada.account)
            assert not await runtime.release(tx, ben.account)
            assert await runtime.quarantined(tx) == frozenset()

    async def test_every_change_of_state_is_told_once(self, fleet: Database, ada: Tenant) -> None:
        told = []
        for state in ("starting", "running", "running", runtime.QUARANTINED):
            async with fleet.transaction() as tx:
                await runtime.set_states(tx, [(ada.account, ada.user)], state, "why")
        async with fleet.transaction() as tx:
            told = await events_after(tx, ada.user, 0, 10)
        assert [(event.kind, event.account_id, event.body["state"]) for event in told] == [
            ("account", ada.account, "starting"),
            ("account", ada.account, "running"),
            ("account", ada.account, "quarantined"),
        ]

    async def test_older_balances_do_not_replace_newer_ones(self, fleet: Database, ada: Tenant) -> None:
        async with fleet.transaction() as tx:
            for amount, at in (("0.10", NOON), ("0.20", NOON - timedelta(seconds=1))):
                balances = {Asset("BTC"): Balance(Decimal(amount), Decimal(0))}
                await runtime.set_balances(tx, ada.account, ada.user, balances, at)
            assert await tx.scalar(select(AccountRuntime.balances)) == {"BTC": ["0.10", "0"]}
