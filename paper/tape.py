"""What everybody may know of a market's trades: the latest ones, the candles, and the day so far."""

from collections import deque
from collections.abc import Iterable

import msgspec

from paper.candles import MINUTE, SECOND, Candle, closing, joined, merged, opening
from paper.fixed import ONE, product
from paper.markets import Market

_TRADES_KEPT = 5_000
_FRESH_KEPT = 1_000
_SECONDS_KEPT = 1_800
_MINUTES_KEPT = 5 * 24 * 60
_FLAT_MINUTES_MAX = 24 * 60
_AVERAGE_MINUTES = 5


class PublicTrade(msgspec.Struct, frozen=True, gc=False):
    id: int
    price: int
    quantity: int
    quote: int
    at: int
    buyer_maker: bool


class AggregateTrade(msgspec.Struct, gc=False):
    """Trades of one taker at one price and moment, as one."""

    id: int
    price: int
    quantity: int
    first_id: int
    last_id: int
    at: int
    buyer_maker: bool


class Tape:
    """One market's public past. Grows by `add`; `roll` closes what time has closed."""

    def __init__(self, market: Market, history: deque[Candle]) -> None:
        self.market = market
        self.trades: deque[PublicTrade] = deque(maxlen=_TRADES_KEPT)
        self.aggregates: deque[AggregateTrade] = deque(maxlen=_TRADES_KEPT)
        self.fresh: deque[PublicTrade] = deque(maxlen=_FRESH_KEPT)
        """Trades that nobody has published yet. Whoever does takes them out."""
        self.minutes = history
        """Closed minutes; owned by the venue's state, which remembers them."""
        self.minute: Candle | None = None
        self.seconds: deque[Candle] = deque(maxlen=_SECONDS_KEPT)
        self._average: tuple[int, int] = (0, 0)
        self._windows: dict[int, tuple[tuple[int, int], Candle | None]] = {}

    @staticmethod
    def history() -> deque[Candle]:
        return deque(maxlen=_MINUTES_KEPT)

    def add(self, trade_id: int, price: int, quantity: int, at: int, *, buyer_maker: bool) -> None:
        quote = product(price, quantity)
        trade = PublicTrade(trade_id, price, quantity, quote, at, buyer_maker)
        self.trades.append(trade)
        self.fresh.append(trade)
        last = self.aggregates[-1] if self.aggregates else None
        if last is not None and (last.at, last.price, last.buyer_maker) == (at, price, buyer_maker):
            last.quantity += quantity
            last.last_id = trade_id
        else:
            number = last.id + 1 if last is not None else trade_id
            self.aggregates.append(AggregateTrade(number, price, quantity, trade_id, trade_id, at, buyer_maker))
        if self.minute is None:
            self.minute = Candle(at // MINUTE * MINUTE, price, price, price, price)
        self.minute.add(price, quantity, quote, taker_bought=not buyer_maker)
        opened_at = at // SECOND * SECOND
        if not self.seconds or self.seconds[-1].opened_at != opened_at:
            self.seconds.append(Candle(opened_at, price, price, price, price))
        self.seconds[-1].add(price, quantity, quote, taker_bought=not buyer_maker)

    def roll(self, at: int) -> list[Candle]:
        """The minutes that are over, oldest first; flat ones where nobody traded. The next begins at the last price."""
        minute, over = self.minute, []
        while minute is not None and at >= minute.opened_at + MINUTE:
            over.append(minute)
            opened_at = minute.opened_at + MINUTE
            if len(over) > _FLAT_MINUTES_MAX:
                opened_at = at // MINUTE * MINUTE
            close = minute.close
            minute = Candle(opened_at, close, close, close, close)
        self.minute = minute
        return over

    def average_price(self) -> int:
        """Of the last minutes, weighted by volume."""
        minute = self.minute
        if minute is None:
            return self.minutes[-1].close if self.minutes else self.market.start_price
        key, value = self._average
        if key == minute.trades + minute.opened_at and value:
            return value
        volume, quote = minute.volume, minute.quote_volume
        for index in range(1, min(_AVERAGE_MINUTES, len(self.minutes) + 1)):
            volume += self.minutes[-index].volume
            quote += self.minutes[-index].quote_volume
        value = quote * ONE // volume if volume else minute.close
        self._average = (minute.trades + minute.opened_at, value)
        return value

    def candles(self, interval: str, start: int | None, end: int | None, limit: int) -> list[Candle]:
        """The newest `limit` candles up to `end`, or the oldest from `start` on."""
        opening(interval, 0)
        source: Iterable[Candle] = self.seconds if interval == "1s" else self._all_minutes()
        if start is not None and opening(interval, start) != start:
            start = closing(interval, opening(interval, start)) + 1
        source = [
            candle
            for candle in source
            if (start is None or candle.opened_at >= start) and (end is None or candle.opened_at <= end)
        ]
        candles = list(source) if interval in {"1s", "1m"} else merged(interval, source)
        return candles[:limit] if start is not None else candles[-limit:]

    def window(self, at: int, length_ms: int) -> Candle | None:
        """The time up to a moment as one candle, from a whole minute on."""
        edge = (at // MINUTE, length_ms)
        closed = self._windows.get(length_ms)
        if closed is None or closed[0] != edge:
            since = (at - length_ms) // MINUTE * MINUTE
            past = joined(candle for candle in self.minutes if candle.opened_at >= since)
            closed = self._windows[length_ms] = (edge, past)
        recent = [candle for candle in (closed[1], self.minute) if candle is not None]
        return joined(recent)

    def _all_minutes(self) -> Iterable[Candle]:
        yield from self.minutes
        if self.minute is not None:
            yield self.minute
