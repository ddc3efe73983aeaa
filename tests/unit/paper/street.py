"""A whole market day without a clock: feed, crowd and a trader who does the same thing at the same step."""

import msgspec

from paper.crowd import Crowd
from paper.feed_synthetic import SyntheticFeed
from paper.filters import NewOrder
from paper.fixed import units
from paper.markets import DEFAULT_MARKETS
from paper.orders import OrderType
from tests.unit.paper.floor import Floor


class MarketDay:
    def __init__(self, seed: int) -> None:
        self.floor = Floor(DEFAULT_MARKETS)
        self._feed = SyntheticFeed(DEFAULT_MARKETS, seed=seed, steps_per_s=5, speed=30)
        self._crowds = {symbol: Crowd(self.floor.venue, symbol) for symbol in self.floor.venue.pits}
        self._trader = self.floor.open("trader", USDT="1000000")

    def live(self, steps: int) -> bytes:
        """Every public trade and every fact of the day."""
        for number in range(1, steps + 1):
            now = self.floor.tick()
            for symbol, tick in self._feed.step(number).items():
                self._crowds[symbol].follow(tick, now)
            if number % 7 == 0:
                self._trade(number, now)
        tapes = [list(pit.tape.trades) for pit in self.floor.venue.pits.values()]
        self.floor.check_conservation()
        return msgspec.json.encode([tapes, self.floor.facts])

    def _trade(self, number: int, now: int) -> None:
        book = self.floor.venue.pits["BTCUSDT"].book
        bid = book.best_bid or 0
        new = NewOrder(
            symbol="BTCUSDT", buy=True, type=OrderType.LIMIT, quantity=units("0.01"), price=bid - number % 5 * 1000000
        )
        self.floor.venue.place(self._trader, new, now)
