"""The matching engine: one market's book, in price-time priority. Pure: no I/O, no clock, no chance.

Prices and quantities are integers of any one scale (see `fixed`); the engine only compares, adds and subtracts them. It
knows no accounts and no money: the paper exchange and the backtester put their own around it.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush, nsmallest

_PURGE_AT = 256


class Resting:
    """An order in the book, or on its way there. Belongs to one book at most."""

    __slots__ = ("buy", "id", "level", "newer", "older", "price", "quantity")

    def __init__(self, id: int, buy: bool, price: int, quantity: int) -> None:  # noqa: A002 (the venue's word for it)
        self.id = id
        self.buy = buy
        self.price = price
        self.quantity = quantity
        """What is left of it."""
        self.level: _Level | None = None
        """Where it rests; None when it does not."""
        self.older: Resting | None = None
        self.newer: Resting | None = None

    def __repr__(self) -> str:
        return f"Resting({self.id}, {'buy' if self.buy else 'sell'} {self.quantity} at {self.price})"


class _Level:
    """All orders of one side at one price, oldest first: a chain through the orders themselves, so that a cancelled
    order leaves in one step, wherever it stands."""

    __slots__ = ("newest", "oldest", "quantity")

    def __init__(self) -> None:
        self.quantity = 0
        self.oldest: Resting | None = None
        self.newest: Resting | None = None


class _Side:
    """One side: levels by price, and a heap of their prices with the best on top.

    A price is in the heap exactly while it is in `levels`. An emptied level stays until it surfaces, for most are
    refilled soon; when empty ones prevail they are purged.
    """

    __slots__ = ("heap", "levels", "sign", "vacant")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        """+1 where the lowest price is best (asks), -1 where the highest is."""
        self.levels: dict[int, _Level] = {}
        self.heap: list[int] = []
        self.vacant = 0

    def best(self) -> int | None:
        heap, levels, sign = self.heap, self.levels, self.sign
        while heap:
            price = heap[0] * sign
            if levels[price].oldest is not None:
                return price
            heappop(heap)
            del levels[price]
            self.vacant -= 1
        return None

    def purge(self) -> None:
        """In place: a match that is under way holds both."""
        for price in [price for price, level in self.levels.items() if level.oldest is None]:
            del self.levels[price]
        self.heap[:] = [price * self.sign for price in self.levels]
        heapify(self.heap)
        self.vacant = 0


class Book:
    """Bids and asks of one market.

    After any call, no bid is at or above an ask, provided that what could trade was matched before it was rested.
    Among orders of one side the better price goes first, and at one price the one that has rested longest.
    """

    __slots__ = ("_asks", "_bids", "changed", "orders")

    def __init__(self) -> None:
        self._bids = _Side(-1)
        self._asks = _Side(1)
        self.orders: dict[int, Resting] = {}
        self.changed: set[tuple[bool, int]] = set()
        """Levels that are no longer what they were, as (is a bid, price). Whoever publishes them clears it."""

    @property
    def best_bid(self) -> int | None:
        return self._bids.best()

    @property
    def best_ask(self) -> int | None:
        return self._asks.best()

    def rest(self, order: Resting) -> None:
        """Put an order in, behind all others at its price."""
        side = self._bids if order.buy else self._asks
        price = order.price
        level = side.levels.get(price)
        if level is None:
            level = side.levels[price] = _Level()
            heappush(side.heap, price * side.sign)
            level.oldest = order
        elif level.newest is None:
            side.vacant -= 1
            level.oldest = order
        else:
            order.older = level.newest
            level.newest.newer = order
        level.newest = order
        level.quantity += order.quantity
        order.level = level
        self.orders[order.id] = order
        self.changed.add((order.buy, price))

    def cancel(self, order_id: int) -> Resting | None:
        """Take an order out. None if it does not rest here (any more)."""
        order = self.orders.get(order_id)
        if order is not None:
            self._remove(order)
            self.changed.add((order.buy, order.price))
        return order

    def reduce(self, order_id: int, quantity: int) -> None:
        """Make an order smaller, keeping its place in the queue. `quantity` is what shall be left of it."""
        order = self.orders[order_id]
        if not 0 < quantity <= order.quantity or order.level is None:
            raise ValueError(f"an order of {order.quantity} cannot be reduced to {quantity}")
        order.level.quantity -= order.quantity - quantity
        order.quantity = quantity
        self.changed.add((order.buy, order.price))

    def match(self, buy: bool, quantity: int, limit: int | None) -> list[tuple[Resting, int]]:
        """Trade an arriving quantity against the other side, no worse than `limit`: who was met, and for how much.

        Each trade is at the resting order's price. What is left over is the caller's to rest or to drop.
        """
        side = self._asks if buy else self._bids
        bound = None if limit is None else limit * side.sign
        met: list[tuple[Resting, int]] = []
        heap, levels, sign = side.heap, side.levels, side.sign
        while quantity and heap:
            if bound is not None and heap[0] > bound:
                break
            price = heap[0] * sign
            level = levels[price]
            order = level.oldest
            if order is None:
                heappop(heap)
                del levels[price]
                side.vacant -= 1
                continue
            self.changed.add((not buy, price))
            while order is not None and quantity:
                available = order.quantity
                if available > quantity:
                    order.quantity = available - quantity
                    level.quantity -= quantity
                    met.append((order, quantity))
                    return met
                quantity -= available
                newer = order.newer
                self._remove(order)
                order.quantity = 0
                met.append((order, available))
                order = newer
        return met

    def affordable(self, budget: int, scale: int, step: int) -> int:
        """The largest whole number of steps that `budget` buys now, where a quantity of `scale` costs its price."""
        quantity = 0
        for price, available in self.levels(buy=False):
            cost = price * available // scale
            if cost > budget:
                return quantity + budget * scale // price // step * step
            budget -= cost
            quantity += available
        return quantity

    def cost(self, quantity: int, scale: int) -> int:
        """What buying a quantity costs now, as far as there is any to buy."""
        total = 0
        for price, available in self.levels(buy=False):
            taken = min(available, quantity)
            total += price * taken // scale
            quantity -= taken
            if not quantity:
                break
        return total

    def available(self, buy: bool, limit: int | None) -> int:
        """How much an arriving order could trade, no worse than `limit`."""
        total = 0
        for price, quantity in self.levels(not buy):
            if limit is not None and (price > limit if buy else price < limit):
                break
            total += quantity
        return total

    def levels(self, buy: bool) -> Iterator[tuple[int, int]]:
        """Prices and quantities of one side, best first. Best not to change the book in between."""
        side = self._bids if buy else self._asks
        for price in sorted(side.levels, reverse=buy):
            quantity = side.levels[price].quantity
            if quantity:
                yield price, quantity

    def depth(self, buy: bool, limit: int) -> list[tuple[int, int]]:
        """The best `limit` levels of one side."""
        side = self._bids if buy else self._asks
        held = (price * side.sign for price, level in side.levels.items() if level.oldest is not None)
        return [(price * side.sign, side.levels[price * side.sign].quantity) for price in nsmallest(limit, held)]

    def quantity_at(self, buy: bool, price: int) -> int:
        level = (self._bids if buy else self._asks).levels.get(price)
        return level.quantity if level is not None else 0

    def _remove(self, order: Resting) -> None:
        level = order.level
        assert level is not None
        older, newer = order.older, order.newer
        if older is None:
            level.oldest = newer
        else:
            older.newer = newer
        if newer is None:
            level.newest = older
        else:
            newer.older = older
        order.level = order.older = order.newer = None
        level.quantity -= order.quantity
        del self.orders[order.id]
        if level.oldest is None:
            side = self._bids if order.buy else self._asks
            side.vacant += 1
            if side.vacant > _PURGE_AT and 2 * side.vacant > len(side.levels):
                side.purge()
