"""What the signal strategy is told, and what it must be fed for it."""

from decimal import Decimal
from typing import Annotated

import msgspec

from trading.ids import Symbol, quote_of
from trading.params import Problem, amount
from trading.strategies.contract import Feed, Needs, SymbolName
from trading.strategies.signal_rules import RuleParams, indicators_of, slow_average
from trading.timeframes import Timeframe

CANDLES_SHOWN = 20
"""So many candles a model is shown with its question."""


class SignalParams(RuleParams, frozen=True, kw_only=True, forbid_unknown_fields=True):
    symbols: Annotated[tuple[SymbolName, ...], msgspec.Meta(min_length=1, max_length=20)]
    timeframe: Timeframe
    trend_timeframe: Annotated[
        Timeframe | None,
        msgspec.Meta(description="a longer one: no long where its close is not above its slow average"),
    ] = None
    risk_pct: Annotated[Decimal, amount(gt=0, le=10, about="of the account's worth, lost when a stop is hit")]
    stop_atr: Annotated[Decimal, amount(gt=0, le=20, about="distance of the stop, in ATRs")] = Decimal(2)
    take_profit_r: (
        Annotated[Decimal, amount(gt=0, le=100, about="target, in stop distances; none if left out")] | None
    ) = None
    trailing_atr: Annotated[Decimal, amount(gt=0, le=20, about="stop so many ATRs below the highest bid")] | None = None
    position_max_pct: Annotated[Decimal, amount(gt=0, le=100, about="most that one position may be of the worth")] = (
        Decimal(25)
    )
    max_positions: Annotated[int, msgspec.Meta(ge=1, le=20, description="trades open at the same time")] = 1
    ai_confirmation: Annotated[bool, msgspec.Meta(description="a language model must confirm each entry")] = False
    min_ai_confidence: Annotated[Decimal, amount(ge=0, le=1, about="what its confidence must be at least")] = Decimal(
        "0.7"
    )


def needs(params: SignalParams) -> Needs:
    symbols = tuple(map(Symbol, params.symbols))
    depth = CANDLES_SHOWN if params.ai_confirmation else 2
    feeds = [
        Feed(symbol=symbol, timeframe=params.timeframe, indicators=indicators_of(params), depth=depth)
        for symbol in symbols
    ]
    if params.trend_timeframe is not None:
        average = (slow_average(params),)
        feeds += [
            Feed(symbol=symbol, timeframe=params.trend_timeframe, indicators=average, depth=1) for symbol in symbols
        ]
    return Needs(symbols=symbols, feeds=tuple(feeds))


def check(params: SignalParams) -> tuple[Problem, ...]:
    problems = []
    if len(set(params.symbols)) < len(params.symbols):
        problems.append(Problem("symbols", params.symbols, "each market once"))
    if len({quote_of(Symbol(symbol)) for symbol in params.symbols}) > 1:
        problems.append(Problem("symbols", params.symbols, "markets of one quote asset: sizes are shares of it"))
    if params.ema_fast >= params.ema_slow:
        problems.append(Problem("ema_fast", params.ema_fast, f"below ema_slow ({params.ema_slow})"))
    if params.trend_timeframe is not None and params.trend_timeframe.length <= params.timeframe.length:
        problems.append(Problem("trend_timeframe", params.trend_timeframe, f"longer than {params.timeframe}"))
    return tuple(problems)
