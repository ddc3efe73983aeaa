"""When to be in a market, from indicators alone. Three ways of looking at it; the strategy around them is one.

scalping         in a rise, buys the end of a short dip: the stochastic turns up out of the oversold
trend            buys when momentum turns up in a market that trends: MACD crosses its signal, ADX is high
mean_reversion   buys what fell out of its usual range in a market that does not trend: below the lower band, RSI low
webhook          has no opinion: signals come from outside
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import msgspec

from trading.market import Reading
from trading.strategies.contract import Indicator

ATR = Indicator("atr", (14,))
ADX = Indicator("adx", (14, 14))
MACD = Indicator("macd", (12, 26, 9))
STOCHASTIC = Indicator("stochastic", (14, 3))
BOLLINGER = Indicator("bollinger", (20, 2))


class Variant(StrEnum):
    SCALPING = "scalping"
    TREND = "trend"
    MEAN_REVERSION = "mean_reversion"
    WEBHOOK = "webhook"


class Action(StrEnum):
    LONG = "LONG"
    SHORT = "SHORT"
    """On a spot market: be out of it."""
    HOLD = "HOLD"


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    action: Action
    rule: str
    """Who says so."""
    numbers: Mapping[str, float] = {}
    """What it rests on."""


class RuleParams(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the strategy's params that the rules read."""

    variant: Annotated[
        Variant, msgspec.Meta(description="how it looks at the market; webhook: signals from outside only")
    ]
    ema_fast: Annotated[int, msgspec.Meta(ge=2, le=200, description="candles of the fast average")] = 9
    ema_slow: Annotated[int, msgspec.Meta(ge=3, le=200, description="candles of the slow average")] = 21
    rsi_period: Annotated[int, msgspec.Meta(ge=2, le=100, description="candles of the RSI")] = 14
    oversold: Annotated[int, msgspec.Meta(ge=1, le=50, description="RSI and stochastic: below it fell too far")] = 30
    overbought: Annotated[int, msgspec.Meta(ge=50, le=99, description="RSI and stochastic: above it rose too far")] = 70
    adx_trend: Annotated[int, msgspec.Meta(ge=1, le=100, description="ADX from which on a market is trending")] = 20


def indicators_of(params: RuleParams) -> tuple[Indicator, ...]:
    """What the rules of this variant read, and the ATR that every stop is measured in."""
    match params.variant:
        case Variant.SCALPING:
            return (ATR, *_emas(params), STOCHASTIC)
        case Variant.TREND:
            return (ATR, *_emas(params), MACD, ADX)
        case Variant.MEAN_REVERSION:
            return (ATR, BOLLINGER, _rsi(params), ADX)
        case Variant.WEBHOOK:
            return (ATR,)


def slow_average(params: RuleParams) -> Indicator:
    """What the close must be above on the longer timeframe, where there is one."""
    return Indicator("ema", (params.ema_slow,))


def judge(reading: Reading, above: Reading | None, params: RuleParams) -> Signal:
    """What the newest candle says. `above` is the longer timeframe, where there is one: no long against its trend."""
    match params.variant:
        case Variant.SCALPING:
            signal = _scalping(reading, params)
        case Variant.TREND:
            signal = _trend(reading, params)
        case Variant.MEAN_REVERSION:
            signal = _mean_reversion(reading, params)
        case Variant.WEBHOOK:
            return Signal(action=Action.HOLD, rule="webhook")
    if above is None or signal.action is not Action.LONG:
        return signal
    close, slow = float(above.candles[-1].close), above.values[slow_average(params).key][-1]
    numbers = {**signal.numbers, "above.close": close, "above.ema_slow": slow}
    action = Action.LONG if close > slow else Action.HOLD
    return Signal(action=action, rule=signal.rule, numbers=numbers)


def _scalping(reading: Reading, params: RuleParams) -> Signal:
    fast, slow = (reading.values[average.key] for average in _emas(params))
    k, d = reading.values[STOCHASTIC.key], reading.values[f"{STOCHASTIC.key}.d"]
    action = Action.HOLD
    if fast[-1] > slow[-1] and _crossed_above(k, d) and k[-2] < params.oversold:
        action = Action.LONG
    elif _crossed_above(slow, fast) or (_crossed_above(d, k) and k[-2] > params.overbought):
        action = Action.SHORT
    numbers = {"ema_fast": fast[-1], "ema_slow": slow[-1], "k": k[-1], "d": d[-1], "k_before": k[-2]}
    return Signal(action=action, rule=Variant.SCALPING, numbers=numbers)


def _trend(reading: Reading, params: RuleParams) -> Signal:
    fast, slow = (reading.values[average.key] for average in _emas(params))
    macd, line = reading.values[MACD.key], reading.values[f"{MACD.key}.signal"]
    adx = reading.values[ADX.key][-1]
    action = Action.HOLD
    if _crossed_above(macd, line) and fast[-1] > slow[-1] and adx >= params.adx_trend:
        action = Action.LONG
    elif _crossed_above(line, macd) or _crossed_above(slow, fast):
        action = Action.SHORT
    numbers = {"ema_fast": fast[-1], "ema_slow": slow[-1], "macd": macd[-1], "macd_signal": line[-1], "adx": adx}
    return Signal(action=action, rule=Variant.TREND, numbers=numbers)


def _mean_reversion(reading: Reading, params: RuleParams) -> Signal:
    close = float(reading.candles[-1].close)
    middle, lower = reading.values[BOLLINGER.key][-1], reading.values[f"{BOLLINGER.key}.lower"][-1]
    rsi = reading.values[_rsi(params).key][-1]
    adx = reading.values[ADX.key][-1]
    action = Action.HOLD
    if close < lower and rsi < params.oversold and adx < params.adx_trend:
        action = Action.LONG
    elif close >= middle or rsi > params.overbought:
        action = Action.SHORT
    numbers = {"close": close, "middle": middle, "lower": lower, "rsi": rsi, "adx": adx}
    return Signal(action=action, rule=Variant.MEAN_REVERSION, numbers=numbers)


def _crossed_above(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[-2] <= other[-2] and one[-1] > other[-1]


def _emas(params: RuleParams) -> tuple[Indicator, Indicator]:
    return Indicator("ema", (params.ema_fast,)), slow_average(params)


def _rsi(params: RuleParams) -> Indicator:
    return Indicator("rsi", (params.rsi_period,))
