"""A fleet's database with two tenants in it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import leases
from storage.database import Database, Role
from storage.fleet import open_runs
from storage.orders import OrderNews
from storage.tables import Account, StrategyConfig, User
from trading.fills import Fill
from trading.ids import (
    AccountId,
    Asset,
    Epoch,
    RunId,
    Slot,
    Symbol,
    TradeId,
    UserId,
    VenueOrderId,
    client_order_id,
)
from trading.orders import ApprovedOrder, OrderEvent, OrderKind, Purpose, Side

BTC = Symbol("BTC/USDT")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    user: UserId
    account: AccountId
    config: str
    run: RunId
    epoch: Epoch


@pytest.fixture
async def fleet(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, Role.FLEET)
    yield database
    await database.close()


@pytest.fixture
async def ada(fleet: Database) -> Tenant:
    async with fleet.transaction() as tx:
        return await settle_in(tx, "ada")


@pytest.fixture
async def ben(fleet: Database) -> Tenant:
    async with fleet.transaction() as tx:
        return await settle_in(tx, "ben")


async def settle_in(tx: AsyncConnection, name: str) -> Tenant:
    """A user with one account that runs, under a lease of its own."""
    user, account, config = UserId(f"usr_{name}"), AccountId(f"acc_{name}"), f"cfg_{name}"
    await tx.execute(insert(User).values(id=user, email=f"{name}@example.org", password_hash="-", role="user"))
    await tx.execute(
        insert(Account).values(
            id=account, user_id=user, name="main", venue="paper", mode="paper", desired_state="running"
        )
    )
    await tx.execute(
        insert(StrategyConfig).values(
            id=config, account_id=account, user_id=user, version=1, strategy="naive", params={"dip": "1.5"}
        )
    )
    runs = await open_runs(tx, [(account, user, config)])
    epochs = await leases.grant(tx, [account], "host-1", 60, grace_s=5)
    return Tenant(user=user, account=account, config=config, run=runs[account], epoch=epochs[account])


def an_order(
    tenant: Tenant,
    *,
    slot: str = "B:1",
    cycle: int = 1,
    attempt: int = 1,
    purpose: Purpose = Purpose.ENTRY,
    symbol: Symbol = BTC,
) -> ApprovedOrder:
    return ApprovedOrder(
        client_order_id=client_order_id(tenant.run, Slot(slot), cycle, attempt),
        run=tenant.run,
        slot=Slot(slot),
        cycle=cycle,
        attempt=attempt,
        symbol=symbol,
        side=Side.BUY if purpose is Purpose.ENTRY else Side.SELL,
        kind=OrderKind.LIMIT,
        quantity=Decimal("0.30"),
        price=Decimal("61204.10"),
        purpose=purpose,
        reason="the dip came",
    )


def a_fill(trade: str, quantity: str, *, order: ApprovedOrder | None = None, venue_order: str = "v1") -> Fill:
    """One that names its order, or one from a trade list, which names only the venue's."""
    return Fill(
        symbol=BTC,
        trade_id=TradeId(trade),
        venue_order_id=VenueOrderId(venue_order),
        client_order_id=order.client_order_id if order else None,
        side=Side.BUY,
        price=Decimal("61204.10"),
        quantity=Decimal(quantity),
        fee=Decimal("0.00001"),
        fee_asset=Asset("BTC"),
        maker=True,
        at=NOON + timedelta(seconds=int(trade)),
    )


def opened(order: ApprovedOrder, venue_order: str = "v1") -> OrderNews:
    return OrderNews(
        client_order_id=order.client_order_id, event=OrderEvent.OPENED, venue_order_id=VenueOrderId(venue_order)
    )
