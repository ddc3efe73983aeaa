"""The supervisor over a real Ray, a real database and the paper exchange: what dies, what stays, what comes back."""

import os
import signal
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import delete, func, insert, select

from storage.accounts import FLEET_CHANNEL
from storage.ids import new_id
from storage.notifications import notify
from storage.tables import AccountLease, AccountRuntime, Event, FillRow, Run, StrategyConfig
from tests.demo_process import until
from tests.fleet_process import FleetProcess, Seen, fleet_process, settled

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

PER_HOST = 10


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(cache_directory: Path) -> AsyncIterator[FleetProcess]:
    async with fleet_process(cache_directory, accounts_per_host_max=PER_HOST, paper_limits_times=100) as fleet:
        yield fleet


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def accounts(fleet: FleetProcess) -> list[str]:
    """Fifty that share hosts, and two that are alone."""
    return [*await fleet.run(5 * PER_HOST), *await fleet.run(2, "dedicated")]


async def epochs(fleet: FleetProcess) -> Mapping[str, int]:
    """Which trader of each account is the present one."""
    async with fleet.fleet.database.transaction() as tx:
        rows = await tx.execute(select(AccountLease.account_id, AccountLease.epoch))
        return {row.account_id: row.epoch for row in rows}


async def states(fleet: FleetProcess, accounts: Collection[str]) -> Mapping[str, tuple[str, str]]:
    of = AccountRuntime.account_id
    async with fleet.fleet.database.transaction() as tx:
        rows = await tx.execute(select(of, AccountRuntime.state, AccountRuntime.reason).where(of.in_(accounts)))
        return {account: (state, reason) for account, state, reason in rows}


async def beaten_since(fleet: FleetProcess, accounts: Collection[str], moment: datetime) -> bool:
    of = AccountRuntime.account_id
    running = select(func.count()).where(
        of.in_(accounts), AccountRuntime.state == "running", AccountRuntime.heartbeat_at > moment
    )
    async with fleet.fleet.database.transaction() as tx:
        return await tx.scalar(running) == len(accounts)


async def until_all_beat(fleet: FleetProcess, accounts: Collection[str], within_s: float) -> None:
    moment = datetime.now(UTC)
    await until(lambda: beaten_since(fleet, accounts, moment), within_s)


async def until_replaced(fleet: FleetProcess, account: str, epoch: int) -> None:
    """Until another trader has the account than that one."""

    async def is_replaced() -> bool:
        return (await epochs(fleet))[account] != epoch

    await until(is_replaced, 10)


async def until_led(fleet: FleetProcess, hosts: int) -> Seen:
    """What is seen when some supervisor leads again and knows so many hosts."""
    seen = await fleet.look()

    async def is_led() -> bool:
        nonlocal seen
        seen = await fleet.look()
        return bool(seen.status.get("leading")) and len(seen.status["hosts"]) == hosts

    await until(is_led, 10)
    return seen


async def configure_anew(fleet: FleetProcess, account: str) -> None:
    """A new version of the account's settings, as its owner's edit makes one."""
    async with fleet.fleet.database.transaction() as tx:
        of = StrategyConfig.account_id == account
        old = (
            await tx.execute(select(StrategyConfig.__table__).where(of).order_by(StrategyConfig.version.desc()))
        ).first()
        assert old is not None
        newer = {**old._mapping, "id": new_id("cfg"), "version": old.version + 1}
        await tx.execute(insert(StrategyConfig).values({**newer, "created_at": func.now()}))
        await notify(tx, FLEET_CHANNEL)


async def test_accounts_that_may_share_are_packed_and_the_others_are_alone(
    fleet: FleetProcess, accounts: list[str]
) -> None:
    seen = await settled(fleet, accounts)
    assert sorted(len(host.accounts) for host in seen.hosts.values()) == [1, 1, *[PER_HOST] * 5]
    assert [host.shared for host in sorted(seen.hosts.values(), key=lambda host: len(host.accounts))] == [
        *[False] * 2,
        *[True] * 5,
    ]


async def test_when_the_supervisor_is_killed_no_host_changes_and_its_successor_adopts_them(
    fleet: FleetProcess, accounts: list[str]
) -> None:
    before, traders = await settled(fleet, accounts), await epochs(fleet)
    os.kill(before.services["supervisor"], signal.SIGKILL)
    after = await until_led(fleet, len(before.hosts))
    assert after.services["supervisor"] != before.services["supervisor"]
    assert after.hosts == before.hosts
    await until_all_beat(fleet, accounts, 10)
    assert await epochs(fleet) == traders


async def test_a_host_that_is_killed_is_replaced_and_no_other_is_disturbed(
    fleet: FleetProcess, accounts: list[str]
) -> None:
    before, traders = await settled(fleet, accounts), await epochs(fleet)
    victim = before.host_of(accounts[0])
    os.kill(victim.pid, signal.SIGKILL)
    await until_replaced(fleet, accounts[0], traders[accounts[0]])
    await until_all_beat(fleet, accounts, 10)
    after = await settled(fleet, accounts)
    others = {name: host for name, host in before.hosts.items() if host != victim}
    assert {name: host for name, host in after.hosts.items() if name in others} == others
    changed = {account for account, epoch in (await epochs(fleet)).items() if epoch != traders[account]}
    assert changed == set(victim.accounts)


async def test_who_is_stopped_leaves_its_host_and_can_begin_again_at_once(
    fleet: FleetProcess, accounts: list[str]
) -> None:
    before, traders = await settled(fleet, accounts), await epochs(fleet)
    leaving = accounts[:3]
    await fleet.fleet.want(leaving, "stopped")
    await fleet.fleet.until(leaving, "stopped", 10)
    seen = await settled(fleet, accounts[3:])
    assert {host.pid for host in seen.hosts.values()} <= {host.pid for host in before.hosts.values()}
    await fleet.fleet.want(leaving, "running")
    # Far less than their leases would have lasted: they were given up.
    await fleet.fleet.until(leaving, "running", 8)
    await settled(fleet, accounts)
    changed = {account for account, epoch in (await epochs(fleet)).items() if epoch != traders[account]}
    assert changed == set(leaving)


async def test_new_settings_make_a_new_trader_and_leave_the_neighbours_alone(
    fleet: FleetProcess, accounts: list[str]
) -> None:
    traders = await epochs(fleet)
    await configure_anew(fleet, accounts[5])
    await until_replaced(fleet, accounts[5], traders[accounts[5]])
    await fleet.fleet.until([accounts[5]], "running", 10)
    await settled(fleet, accounts)
    changed = {account for account, epoch in (await epochs(fleet)).items() if epoch != traders[account]}
    assert changed == {accounts[5]}


async def poison(fleet: FleetProcess, account: str) -> dict[str, Any]:
    """A fill in our books that no arithmetic survives: every trader of the account fails when it begins."""
    async with fleet.fleet.database.transaction() as tx:
        run = (await tx.execute(select(Run.__table__).where(Run.account_id == account, Run.closed_at.is_(None)))).one()
        row = {
            "account_id": account,
            "user_id": run.user_id,
            "run_id": run.id,
            "symbol": "BTC/USDT",
            "trade_id": "poison",
            "at": datetime.now(UTC),
            "client_order_id": None,
            "venue_order_id": "poison",
            "side": "buy",
            "price": Decimal("NaN"),
            "quantity": Decimal("NaN"),
            "fee": Decimal(0),
            "fee_asset": "USDT",
            "maker": False,
            "seq": 1_000_000,
        }
        await tx.execute(insert(FillRow).values(row))
    return row


async def test_a_trader_that_fails_again_and_again_is_quarantined_and_its_neighbours_trade_on(
    fleet: FleetProcess, accounts: list[str]
) -> None:
    sick, others = accounts[7], [account for account in accounts if account != accounts[7]]
    before, traders = await settled(fleet, accounts), await epochs(fleet)
    await poison(fleet, sick)
    await configure_anew(fleet, sick)
    await fleet.fleet.until([sick], "quarantined", 60)
    _, reason = (await states(fleet, [sick]))[sick]
    assert reason.startswith("6 failures in 30 s; the last: InvalidOperation"), reason
    after = await settled(fleet, others)
    assert {host.pid for host in after.hosts.values()} == {host.pid for host in before.hosts.values()}
    now = await epochs(fleet)
    assert {account: now[account] for account in others} == {account: traders[account] for account in others}
    assert now[sick] >= traders[sick] + 5  # the first to fail may have been the one that was there
    async with fleet.fleet.database.transaction() as tx:
        of_sick = select(Event.body).where(Event.account_id == sick, Event.kind == "account")
        told = await tx.scalars(of_sick.order_by(Event.id))
        assert [body["state"] for body in told][-1] == "quarantined"


async def test_quarantine_outlasts_the_supervisor_and_ends_when_a_person_says_so(
    fleet: FleetProcess, accounts: list[str]
) -> None:
    sick, others = accounts[7], [account for account in accounts if account != accounts[7]]
    before = await fleet.look()
    os.kill(before.services["supervisor"], signal.SIGKILL)
    await until_led(fleet, len(before.hosts))
    await until_all_beat(fleet, others, 10)
    assert (await states(fleet, [sick]))[sick][0] == "quarantined"
    await settled(fleet, others)
    async with fleet.fleet.database.transaction() as tx:
        await tx.execute(delete(FillRow).where(FillRow.trade_id == "poison"))
        await tx.execute(delete(Run).where(Run.account_id == sick, Run.closed_at.is_(None)))
    await fleet.fleet.want([sick], "stopped")
    await fleet.fleet.until([sick], "stopped", 10)
    await fleet.fleet.want([sick], "running")
    await fleet.fleet.until([sick], "running", 10)
    await settled(fleet, accounts)
