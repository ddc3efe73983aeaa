"""Saying everything again: what a trader starts from, and what is still to be asked of the venue."""

from datetime import datetime

import msgspec
from sqlalchemy import func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.orders.cursors import lock_news
from storage.orders.rows import fill_of, known_order, select_orders
from storage.tables import FillRow, OrderIntent, OrderRow, Run
from trading.events import Checkpoint
from trading.fills import Fill
from trading.ids import AccountId, RunId
from trading.orders import Order


class SnapshotParts(msgspec.Struct, frozen=True, kw_only=True):
    """What the database knows of a `trading.events.Snapshot`."""

    seq: int
    checkpoint: Checkpoint | None
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]


async def snapshot_parts(tx: AsyncConnection, account: AccountId, run: RunId) -> SnapshotParts:
    """One moment of an account's run: no news is recorded while it is read.

    Its fills are those that the checkpoint does not know of; its orders are those that are not settled, all attempts of
    the newest cycle of every slot, and those of its fills.
    """
    seq, _ = await lock_news(tx, account)
    saved = await tx.scalar(select(Run.checkpoint).where(Run.id == run, Run.account_id == account))
    checkpoint = None if saved is None else msgspec.convert(saved, Checkpoint)
    of_run = OrderIntent.run_id == run
    newest = select(OrderIntent.slot, func.max(OrderIntent.cycle)).where(of_run).group_by(OrderIntent.slot)
    known_to = checkpoint.seq if checkpoint else 0
    unknown = FillRow.account_id == account, FillRow.run_id == run, FillRow.seq > known_to
    fills = await tx.execute(select(*FillRow.__table__.columns).where(*unknown).order_by(FillRow.seq))
    orders = await tx.execute(
        select_orders(account)
        .where(
            of_run,
            or_(
                OrderRow.settled_at.is_(None),
                tuple_(OrderIntent.slot, OrderIntent.cycle).in_(newest),
                OrderIntent.client_order_id.in_(select(FillRow.client_order_id).where(*unknown)),
            ),
        )
        .order_by(OrderIntent.intended_at, OrderIntent.client_order_id)
    )
    return SnapshotParts(
        seq=seq,
        checkpoint=checkpoint,
        orders=tuple(known_order(row).told for row in orders),
        fills=tuple(fill_of(row) for row in fills),
    )


async def unsettled(tx: AsyncConnection, account: AccountId) -> list[tuple[Order, datetime]]:
    """Every order that may still change, of any run, oldest first, with the venue time that it was signed with."""
    rows = await tx.execute(
        select_orders(account).where(OrderRow.settled_at.is_(None)).order_by(OrderIntent.intended_at)
    )
    return [(known_order(row).order, row.intended_at) for row in rows]
