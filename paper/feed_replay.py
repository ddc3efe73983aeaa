"""A recording, played again: its trades print as they did, at their own times, and the crowd quotes around them.

The market then lives in recorded time: its trades, candles and tickers say when things were. Orders and accounts, and
the clock that signatures are judged by, stay in the present.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from paper.feed import Print, Tick
from paper.markets import Market
from paper.recordings import RecordedTrade

_DEPTH = 5
"""The crowd's best level, in recorded trades of middling size."""


class ReplayFeed:
    def __init__(
        self, trades: Sequence[RecordedTrade], markets: Mapping[str, Market], *, steps_per_s: float, speed: float
    ) -> None:
        self._trades = trades
        self._times = [trade.at for trade in trades]
        self._markets = markets
        self._step_ms = 1000 * speed / steps_per_s
        self._sizes = {symbol: self._size(symbol) for symbol in {trade.symbol for trade in trades}}

    def step(self, number: int) -> Mapping[str, Tick]:
        """What was recorded since the step before. Nothing for a market in which nothing was."""
        since, until = self._time(number - 1), self._time(number)
        prints: dict[str, list[Print]] = {}
        for trade in self._trades[bisect_right(self._times, since) : bisect_right(self._times, until)]:
            prints.setdefault(trade.symbol, []).append(Print(trade.buy, trade.quantity, trade.price, trade.at))
        return {symbol: self._tick(symbol, printed, until) for symbol, printed in prints.items()}

    def memory(self) -> tuple[float, ...]:
        return ()

    def resume(self, step: int, *, memory: tuple[float, ...], remembered_at: int) -> None:
        """Nothing to do: a step depends on its number alone."""

    def _time(self, step: int) -> int:
        return self._times[0] - 1 + round(step * self._step_ms)

    def _tick(self, symbol: str, prints: Sequence[Print], at: int) -> Tick:
        price, price_tick = prints[-1].price or 0, self._markets[symbol].price_tick
        aligned = price // price_tick * price_tick
        return Tick(aligned - price_tick, aligned + price_tick, self._sizes[symbol], prints, at)

    def _size(self, symbol: str) -> int:
        quantities = sorted(trade.quantity for trade in self._trades if trade.symbol == symbol)
        return quantities[len(quantities) // 2] * _DEPTH
