"""What runs hold and have earned, as their traders know it: the saved books and the fills that came after."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.accounts import AccountRecord
from storage.orders.rows import fill_of
from storage.tables import FillRow, Run
from trading.books import EMPTY, Books, record
from trading.events import Checkpoint
from trading.guard import Watch
from trading.ids import AccountId, RunId
from trading.state import Memory


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """Of an account's live run."""

    run: RunId
    opened_at: datetime
    state: str
    books: Books
    watch: Watch


async def read_holdings(tx: AsyncConnection, account: AccountRecord) -> Holdings | None:
    """None while no run is live."""
    found = await tx.execute(
        select(Run.id, Run.opened_at, Run.state, Run.checkpoint).where(
            Run.account_id == account.id, Run.user_id == account.user_id, Run.closed_at.is_(None)
        )
    )
    run = found.one_or_none()
    if run is None:
        return None
    checkpoint = None if run.checkpoint is None else msgspec.convert(run.checkpoint, Checkpoint)
    memory = Memory() if checkpoint is None else msgspec.convert(checkpoint.books, Memory)
    rows = await tx.execute(
        select(*FillRow.__table__.columns)
        .where(
            FillRow.account_id == account.id,
            FillRow.user_id == account.user_id,
            FillRow.run_id == run.id,
            FillRow.seq > (checkpoint.seq if checkpoint else 0),
        )
        .order_by(FillRow.seq)
    )
    books = memory.books if checkpoint else EMPTY
    for row in rows:
        # Without its order: only the fees of a slot are lost, and nobody asks for them here.
        books = record(books, fill_of(row), None)
    return Holdings(run=RunId(run.id), opened_at=run.opened_at, state=run.state, books=books, watch=memory.watch)


async def read_watches(tx: AsyncConnection, accounts: Sequence[AccountRecord]) -> Mapping[AccountId, Watch]:
    """What the guard of each live run last saved; a run that has saved nothing yet is missing."""
    watch = Run.checkpoint["books"]["watch"].label("watch")
    rows = await tx.execute(
        select(Run.account_id, watch).where(
            tuple_(Run.account_id, Run.user_id).in_([(one.id, one.user_id) for one in accounts]),
            Run.closed_at.is_(None),
            watch.is_not(None),
        )
    )
    return {AccountId(row.account_id): msgspec.convert(row.watch, Watch) for row in rows}
