"""Everybody else: the synthetic participants who rest orders around a feed's price and trade against ours.

Their orders are ordinary orders in the same book, in the same queue. A level that the crowd still wants is left where
it stands, so that an order of ours at that price keeps its place behind it, as it would among strangers.
"""

from paper.feed import Tick
from paper.matching import Resting
from paper.venue import Venue

_LEVELS = 10
_GRID = 5_000
"""The further levels stand on a grid of one five-thousandth of the price, so that most stay when the price moves."""


class Crowd:
    """One market's synthetic participants."""

    def __init__(self, venue: Venue, symbol: str) -> None:
        self._venue = venue
        self._symbol = symbol
        self._pit = venue.pits[symbol]
        self._orders: dict[tuple[bool, int], Resting] = {}

    def follow(self, tick: Tick | None, now: int) -> None:
        """Move to where the feed says: requote, filling what that crosses, and trade what the feed trades."""
        if tick is None:
            return
        if not tick.size:
            self.leave()
            return
        pit, execution = self._pit, self._venue.execution
        for printed in tick.prints:
            if printed.at is not None:
                pit.market_time = printed.at
                self._venue.roll(pit, now)
            if printed.price is not None:
                self._requote(printed.price - pit.market.price_tick, printed.price + pit.market.price_tick, tick, now)
                execution.print_house(self._symbol, printed.buy, printed.price, printed.quantity, now)
                execution.settle(pit, now)
        pit.market_time = tick.at
        self._requote(tick.bid, tick.ask, tick, now)
        for printed in tick.prints:
            if printed.price is None:
                execution.take_house(self._symbol, printed.buy, None, printed.quantity, now)
        execution.settle(pit, now)

    def leave(self) -> None:
        """Take every order of the crowd out of the book."""
        for order in self._orders.values():
            self._pit.book.cancel(order.id)
        self._orders.clear()

    def _requote(self, bid: int, ask: int, tick: Tick, now: int) -> None:
        wanted = self._ladder(bid, tick.size, buy=True) | self._ladder(ask, tick.size, buy=False)
        for place, order in list(self._orders.items()):
            if place not in wanted or order.level is None:
                del self._orders[place]
                self._pit.book.cancel(order.id)
        for (buy, price), quantity in wanted.items():
            if (buy, price) not in self._orders:
                resting = self._venue.execution.rest_house(self._symbol, buy, price, quantity, now)
                if resting is not None:
                    self._orders[buy, price] = resting

    def _ladder(self, best: int, size: int, *, buy: bool) -> dict[tuple[bool, int], int]:
        market = self._pit.market
        step = market.lot_step
        size = max(step, size // step * step)
        if best < market.price_min:
            return {}
        ladder = {(buy, best): size}
        grid = max(1, best // _GRID // market.price_tick) * market.price_tick
        price = best // grid * grid if buy else -(-best // grid) * grid
        for level in range(_LEVELS):
            if (buy, price) not in ladder:
                ladder[buy, price] = max(step, size * (4 + level) // 4 // step * step)
            price += -grid if buy else grid
            if price < market.price_min:
                break
        return ladder
