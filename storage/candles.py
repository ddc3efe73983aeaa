"""Closed candles, written once, as the venue gave them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import CandleRow
from trading.ids import Symbol, VenueName
from trading.market import Candle
from trading.timeframes import Timeframe

ROWS_AT_ONCE = 2_000
"""A statement takes 65,535 values at most, and a candle has nine."""


async def write_candles(tx: AsyncConnection, candles: Sequence[tuple[VenueName, Candle]]) -> None:
    """Write these; one that is there already stays as it is."""
    for first in range(0, len(candles), ROWS_AT_ONCE):
        rows = [
            {
                "venue": venue,
                "symbol": candle.symbol,
                "timeframe": candle.timeframe,
                "opened_at": candle.opened_at,
                "open": candle.open,
                "high": candle.high,
                "low": candle.low,
                "close": candle.close,
                "volume": candle.volume,
            }
            for venue, candle in candles[first : first + ROWS_AT_ONCE]
        ]
        await tx.execute(insert(CandleRow).values(rows).on_conflict_do_nothing())


async def read_candles(
    tx: AsyncConnection, venue: VenueName, symbol: Symbol, timeframe: str, *, since: datetime, limit: int
) -> list[Candle]:
    """The newest `limit` candles that were opened at or after `since`, oldest first."""
    columns = CandleRow.__table__.c
    rows = await tx.execute(
        select(*(column for column in columns if column.name != "venue"))
        .where(
            columns.venue == venue,
            columns.symbol == symbol,
            columns.timeframe == timeframe,
            columns.opened_at >= since,
        )
        .order_by(columns.opened_at.desc())
        .limit(limit)
    )
    return [Candle(**row._mapping) for row in reversed(rows.all())]


async def last_prices(
    tx: AsyncConnection, venue: VenueName, symbols: Collection[Symbol], *, since: datetime
) -> Mapping[Symbol, Decimal]:
    """The newest close of each market, where a minute was recorded since then."""
    query = (
        select(CandleRow.symbol, CandleRow.close)
        .distinct(CandleRow.symbol)
        .where(
            CandleRow.venue == venue,
            CandleRow.symbol.in_(list(symbols)),
            CandleRow.timeframe == Timeframe.MINUTE_1,
            CandleRow.opened_at >= since,
        )
        .order_by(CandleRow.symbol, CandleRow.opened_at.desc())
    )
    return {Symbol(row.symbol): row.close for row in await tx.execute(query)}
