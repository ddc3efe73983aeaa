"""How far an account's news has been numbered, and its trades read. Locking the row puts the account's news in line."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import AccountCursor, FillRow
from trading.ids import AccountId, Symbol, TradeId


async def lock_news(tx: AsyncConnection, account: AccountId) -> tuple[int, datetime]:
    """Wait until nobody else records news of this account. Answers the newest number, and the time.

    Read what depends on it in later statements: one that waits for a lock still sees what was true before it waited.
    """
    row = (await tx.execute(_locked(account))).one_or_none()
    if row is None:
        await tx.execute(insert(AccountCursor).values(account_id=account).on_conflict_do_nothing())
        row = (await tx.execute(_locked(account))).one()
    return row.seq, row.now


def _locked(account: AccountId) -> Any:
    now = func.clock_timestamp().label("now")
    return select(AccountCursor.seq, now).where(AccountCursor.account_id == account).with_for_update()


async def newest_seq(tx: AsyncConnection, account: AccountId) -> int:
    """The number of the account's newest news."""
    return await tx.scalar(select(AccountCursor.seq).where(AccountCursor.account_id == account)) or 0


async def first_trade(tx: AsyncConnection, account: AccountId, symbol: Symbol) -> TradeId | None:
    """The oldest trade that is recorded: what the account did before it came to us is not ours to read."""
    first = select(FillRow.trade_id).where(FillRow.account_id == account, FillRow.symbol == symbol)
    trade: str | None = await tx.scalar(first.order_by(FillRow.at, FillRow.trade_id).limit(1))
    return None if trade is None else TradeId(trade)


async def trades_read(tx: AsyncConnection, account: AccountId, symbol: Symbol) -> TradeId | None:
    """The newest trade up to which the venue's list has been read to the end."""
    read = select(AccountCursor.trades_read[symbol].astext).where(AccountCursor.account_id == account)
    trade: str | None = await tx.scalar(read)
    return None if trade is None else TradeId(trade)


async def mark_trades_read(tx: AsyncConnection, account: AccountId, symbol: Symbol, trade: TradeId) -> None:
    """Call it when everything up to that trade is recorded."""
    await lock_news(tx, account)
    await tx.execute(
        update(AccountCursor)
        .where(AccountCursor.account_id == account)
        .values(trades_read=AccountCursor.trades_read.concat(func.jsonb_build_object(symbol, trade)))
    )
