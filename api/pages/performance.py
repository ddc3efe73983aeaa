"""What trading has brought: realised profit beside the whole change of worth, drawdown, and figures per account."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from api.accounts.schemas import Mode
from api.pages.charts import Range, steps_of
from api.pages.home import nav_chart
from api.pages.visit import Page, Visit
from storage.accounts import AccountRecord
from storage.holdings import read_holdings
from storage.worth import EquityPoint, equity_curve
from trading.ids import AccountId
from trading.positions import Position

TRADES_MIN = 5
"""Fewer than this say nothing: figures that rest on them are shown as not available."""
POINTS = 300
ACCOUNTS_WITH_TRADES_MAX = 50


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One account over the span. Percentages are of its worth at the beginning."""

    account: AccountRecord
    asset: str
    worth: Decimal
    change: Decimal
    percent: Decimal | None
    drawdown: Decimal
    """The deepest fall from a peak, in per cent of that peak."""
    drawdown_at: datetime | None
    drawdown_now: Decimal
    realised: Decimal
    """Of the run that is open, or was last weighed."""
    unrealised: Decimal
    trades: int
    win_rate: Decimal | None
    profit_factor: Decimal | None
    expectancy: Decimal | None


async def performance_page(visit: Visit, span: Range) -> Page:
    records = await visit.records()
    since, step = steps_of(span, records, visit.now, points=POINTS)
    curves: defaultdict[AccountId, list[EquityPoint]] = defaultdict(list)
    for point in await equity_curve(visit.tx, records, since, step):
        curves[point.account_id].append(point)
    rows = [
        figures(record, curves[record.id], await _position(visit, record))
        for record in records[:ACCOUNTS_WITH_TRADES_MAX]
        if curves.get(record.id)
    ]
    groups = sorted({(row.account.mode == Mode.LIVE, row.asset) for row in rows}, key=lambda one: (not one[0], one[1]))
    return Page(
        name="performance",
        context={"span": span, "spans": list(Range), "rows": rows, "groups": groups, "trades_min": TRADES_MIN},
    )


async def _position(visit: Visit, record: AccountRecord) -> Sequence[Position]:
    holdings = await read_holdings(visit.tx, record)
    return tuple(holdings.books.positions.values()) if holdings else ()


def figures(record: AccountRecord, curve: Sequence[EquityPoint], positions: Sequence[Position]) -> Figures:
    first, last = curve[0], curve[-1]
    change = last.equity - first.equity
    deepest, deepest_at, now = drawdown([(point.at, point.equity) for point in curve])
    wins, losses = sum(one.wins for one in positions), sum(one.losses for one in positions)
    won = sum((one.won for one in positions), Decimal(0))
    lost = sum((one.lost for one in positions), Decimal(0))
    trades = wins + losses
    enough = trades >= TRADES_MIN
    return Figures(
        account=record,
        asset=last.quote_asset,
        worth=last.equity,
        change=change,
        percent=change / first.equity * 100 if first.equity > 0 else None,
        drawdown=deepest,
        drawdown_at=deepest_at,
        drawdown_now=now,
        realised=last.realised,
        unrealised=last.unrealised,
        trades=trades,
        win_rate=Decimal(wins) / trades * 100 if enough else None,
        profit_factor=won / lost if enough and lost else None,
        expectancy=(won - lost) / trades if enough else None,
    )


def drawdown(curve: Sequence[tuple[datetime, Decimal]]) -> tuple[Decimal, datetime | None, Decimal]:
    """The deepest fall from a peak in per cent, when it was deepest, and the fall that lasts now."""
    peak = deepest = now = Decimal(0)
    deepest_at: datetime | None = None
    for at, equity in curve:
        peak = max(peak, equity)
        now = (peak - equity) / peak * 100 if peak > 0 else Decimal(0)
        if now > deepest:
            deepest, deepest_at = now, at
    return deepest, deepest_at, now


async def drawdown_chart(visit: Visit, span: Range, *, real: bool, asset: str) -> dict[str, Any]:
    """Worth as a line, and below it how far under its peak it was."""
    peak = 0.0
    below = []
    for point in (await nav_chart(visit, span, real=real, asset=asset))["series"][0]["points"]:
        peak = max(peak, point["value"])
        below.append({"time": point["time"], "value": (point["value"] - peak) / peak * 100 if peak else 0.0})
    return {"series": [{"kind": "area", "tone": "loss", "points": below}]}
