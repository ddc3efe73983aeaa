"""What a run has achieved, in the figures that people compare. Pure, and over any length of history.

Amounts are exact. Ratios of a curve are floats: they are estimates, and each is None below a minimum of days, where it
would mean nothing.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal

import msgspec

from trading.fills import Fill
from trading.ids import Symbol
from trading.money import ZERO
from trading.positions import Position, change_of

DAYS_MIN = 10
"""Fewer daily returns than this say nothing about their spread."""
YEAR = 365
"""Days: these markets do not close."""


class TradeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Of closed trades: each sale (or other end) of something held counts as one."""

    trades: int
    win_rate: Decimal | None
    """Per cent."""
    average_win: Decimal | None
    average_loss: Decimal | None
    """Above zero."""
    profit_factor: Decimal | None
    """Won divided by lost; None while nothing was lost."""
    expectancy: Decimal | None
    """What a trade earned on average."""


class Drawdown(msgspec.Struct, frozen=True, kw_only=True):
    amount: Decimal
    per_cent: Decimal
    since: datetime
    """The peak."""
    until: datetime
    """The trough."""


class CurveFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Of a curve of capital and profit. Transfers are no part of it, so they move none of these."""

    roi_per_cent: Decimal
    drawdown: Drawdown | None
    """The deepest; None when the curve never fell."""
    sharpe: float | None
    sortino: float | None
    calmar: float | None


def trade_figures(positions: Iterable[Position]) -> TradeFigures:
    wins = losses = 0
    won = lost = ZERO
    for position in positions:
        wins, losses = wins + position.wins, losses + position.losses
        won, lost = won + position.won, lost + position.lost
    trades = wins + losses
    return TradeFigures(
        trades=trades,
        win_rate=Decimal(wins) / trades * 100 if trades else None,
        average_win=won / wins if wins else None,
        average_loss=lost / losses if losses else None,
        profit_factor=won / lost if lost else None,
        expectancy=(won - lost) / trades if trades else None,
    )


def curve_figures(capital: Decimal, profits: Sequence[tuple[datetime, Decimal]], zone: tzinfo) -> CurveFigures:
    """From the capital that a run began with and its profit, realised and not, at moments in order of time."""
    curve = [(at, capital + profit) for at, profit in profits]
    returns = _daily_returns(capital, curve, zone)
    deepest = deepest_drawdown(capital, curve)
    enough = len(returns) >= DAYS_MIN
    mean = statistics.fmean(returns) if enough else 0.0
    spread = statistics.stdev(returns) if enough else 0.0
    downside = math.sqrt(statistics.fmean(min(each, 0.0) ** 2 for each in returns)) if enough else 0.0
    scale = math.sqrt(YEAR)
    return CurveFigures(
        roi_per_cent=(curve[-1][1] / capital - 1) * 100 if curve else ZERO,
        drawdown=deepest,
        sharpe=mean / spread * scale if spread else None,
        sortino=mean / downside * scale if downside else None,
        calmar=mean * YEAR / float(deepest.per_cent / 100) if enough and deepest is not None else None,
    )


def deepest_drawdown(capital: Decimal, curve: Sequence[tuple[datetime, Decimal]]) -> Drawdown | None:
    deepest: Drawdown | None = None
    if not curve:
        return None
    peak, peak_at = max(capital, curve[0][1]), curve[0][0]
    for at, value in curve:
        if value >= peak:
            peak, peak_at = value, at
            continue
        per_cent = (peak - value) / peak * 100 if peak > 0 else ZERO
        if deepest is None or per_cent > deepest.per_cent:
            deepest = Drawdown(amount=peak - value, per_cent=per_cent, since=peak_at, until=at)
    return deepest


def exposure_time(fills: Iterable[Fill], since: datetime, until: datetime) -> Decimal:
    """The per cent of a time span during which anything was held, by fills in the order of their time."""
    held: dict[Symbol, Decimal] = {}
    exposed, last, holding = timedelta(), since, False
    for fill in fills:
        at = min(max(fill.at, last), until)
        if holding:
            exposed += at - last
        last = at
        held[fill.symbol] = held.get(fill.symbol, ZERO) + change_of(fill)[0]
        holding = any(quantity > 0 for quantity in held.values())
    if holding:
        exposed += until - last
    return Decimal(exposed // timedelta(milliseconds=1)) / ((until - since) // timedelta(milliseconds=1)) * 100


def _daily_returns(capital: Decimal, curve: Sequence[tuple[datetime, Decimal]], zone: tzinfo) -> list[float]:
    """By the last value of each of the owner's days. A day without a value had no change."""
    closes: dict[date, Decimal] = {}
    for at, value in curve:
        closes[at.astimezone(zone).date()] = value
    if not closes:
        return []
    returns, before, day = [], capital, min(closes)
    while day <= max(closes):
        value = closes.get(day, before)
        returns.append(float(value / before - 1) if before > 0 else 0.0)
        before, day = value, day + timedelta(days=1)
    return returns
