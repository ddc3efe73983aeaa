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
        self._book = self._pit.book
        self._market = self._pit.market
        self._orders: dict[tuple[bool, int], Resting] = {}

    def follow(self, tick: Tick, now: int) -> None:
        """Move to where the feed says: requote, filling what that crosses, then trade."""
        bids, asks = self._ladder(tick, buy=True), self._ladder(tick, buy=False)
        wanted = bids | asks
        for place, order in list(self._orders.items()):
            if place not in wanted or order.level is None:
                del self._orders[place]
                self._book.cancel(order.id)
        for (buy, price), quantity in wanted.items():
            if (buy, price) not in self._orders:
                order_or_none = self._venue.execution.rest_house(self._symbol, buy, price, quantity, now)
                if order_or_none is not None:
                    self._orders[buy, price] = order_or_none
        for printed in tick.prints:
            self._venue.execution.take_house(self._symbol, printed.buy, printed.price, printed.quantity, now)
        self._venue.execution.settle(self._pit, now)

    def leave(self) -> None:
        for order in self._orders.values():
            self._book.cancel(order.id)
        self._orders.clear()

    def _ladder(self, tick: Tick, *, buy: bool) -> dict[tuple[bool, int], int]:
        market = self._market
        best = tick.bid if buy else tick.ask
        step = market.lot_step
        ladder = {(buy, best): tick.size}
        grid = max(1, best // _GRID // market.price_tick) * market.price_tick
        price = best // grid * grid if buy else -(-best // grid) * grid
        for level in range(_LEVELS):
            if (buy, price) not in ladder:
                ladder[buy, price] = max(step, tick.size * (4 + level) // 4 // step * step)
            price += -grid if buy else grid
            if price < market.price_min:
                break
        return ladder
