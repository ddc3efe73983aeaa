"""Fills as a file for a spreadsheet. Read page by page, so it may be as long as it likes."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime

from api.history.schemas import Fill
from storage.accounts import AccountRecord
from storage.database import Database
from storage.keyset import Position
from storage.reads import FillRead, list_fills
from trading.money import plain

ROWS_PER_READ = 1000
COLUMNS = Fill.__struct_fields__
FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def fills_as_csv(
    database: Database, account: AccountRecord, *, symbol: str | None, since: datetime | None, until: datetime | None
) -> AsyncIterator[bytes]:
    """Newest first, with a header line. Each read is a transaction of its own: a slow download holds none open."""
    yield _lines([list(COLUMNS)])
    after: Position | None = None
    while True:
        async with database.transaction(user=account.user_id) as tx:
            rows = await list_fills(tx, account, after, ROWS_PER_READ, symbol=symbol, since=since, until=until)
        shown = rows[:ROWS_PER_READ]
        if shown:
            yield _lines([_cells(row) for row in shown])
        if len(rows) <= ROWS_PER_READ:
            return
        after = Position(shown[-1].at, (shown[-1].symbol, shown[-1].trade_id))


def _cells(fill: FillRead) -> list[str]:
    return [
        fill.at.isoformat(),
        safe(fill.symbol),
        safe(fill.trade_id),
        safe(fill.client_order_id or ""),
        safe(fill.venue_order_id),
        fill.side,
        plain(fill.price),
        plain(fill.quantity),
        # Venues pay rebates: a fee below zero is a number, and stays one.
        plain(fill.fee),
        safe(fill.fee_asset),
        "maker" if fill.maker else "taker",
    ]


def safe(text: str) -> str:
    """A spreadsheet runs a cell that begins like a formula; what a venue named is not for us to run."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _lines(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
