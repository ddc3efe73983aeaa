"""What everybody may know of a market's trades: the latest ones, the candles, and the day so far."""

from collections import deque
from collections.abc import Iterable

import msgspec

from paper.candles import DAY, MINUTE, SECOND, Candle, closing, merged, opening
from paper.fixed import ONE, product
from paper.markets import Market

_TRADES_KEPT = 5_000
_SECONDS_KEPT = 1_800
_MINUTES_KEPT = 14 * 24 * 60
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
        self.fresh: list[PublicTrade] = []
        """Trades that nobody has published yet. Whoever does clears it."""
        self.minutes = history
        """Closed minutes; owned by the venue's state, which remembers them."""
        self.minute: Candle | None = None
        self.seconds: deque[Candle] = deque(maxlen=_SECONDS_KEPT)
        self._average: tuple[int, int] = (0, 0)
        self._day: tuple[int, Candle | None] = (0, None)

    @staticmethod
    def history() -> deque[Candle]:
        return deque(maxlen=_MINUTES_KEPT)

    def add(self, trade_id: int, price: int, quantity: int, now: int, *, buyer_maker: bool) -> None:
        quote = product(price, quantity)
        trade = PublicTrade(trade_id, price, quantity, quote, now, buyer_maker)
        self.trades.append(trade)
        self.fresh.append(trade)
        last = self.aggregates[-1] if self.aggregates else None
        if last is not None and (last.at, last.price, last.buyer_maker) == (now, price, buyer_maker):
            last.quantity += quantity
            last.last_id = trade_id
        else:
            number = last.id + 1 if last is not None else trade_id
            self.aggregates.append(AggregateTrade(number, price, quantity, trade_id, trade_id, now, buyer_maker))
        if self.minute is None:
            self.minute = Candle(now // MINUTE * MINUTE, price, price, price, price)
        self.minute.add(price, quantity, quote, taker_bought=not buyer_maker)
        opened_at = now // SECOND * SECOND
        if not self.seconds or self.seconds[-1].opened_at != opened_at:
            self.seconds.append(Candle(opened_at, price, price, price, price))
        self.seconds[-1].add(price, quantity, quote, taker_bought=not buyer_maker)

    def roll(self, now: int) -> Candle | None:
        """The minute that is over, if one is. The next begins flat, at the last price."""
        minute = self.minute
        if minute is None or now < minute.opened_at + MINUTE:
            return None
        close = minute.close
        self.minute = Candle(now // MINUTE * MINUTE, close, close, close, close)
        return minute

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

    def day(self, now: int) -> Candle | None:
        """The last 24 hours as one candle."""
        since = now - DAY
        edge, closed = self._day
        minute_now = now // MINUTE
        if edge != minute_now:
            recent = [candle for candle in self.minutes if candle.opened_at >= since]
            closed = None
            for candle in recent:
                if closed is None:
                    closed = msgspec.structs.replace(candle)
                else:
                    closed.extend(candle)
            self._day = (minute_now, closed)
        if self.minute is None:
            return closed
        if closed is None:
            return self.minute
        whole = msgspec.structs.replace(closed)
        whole.extend(self.minute)
        return whole

    def _all_minutes(self) -> Iterable[Candle]:
        yield from self.minutes
        if self.minute is not None:
            yield self.minute
