"""Conditional orders that wait for the last price to reach theirs."""

from paper.orders import STOPS, Order, OrderType

_BASIS = 10_000
_EVERYWHERE = 1 << 200


class Triggers:
    """The waiting orders of one market, oldest first. A trailing order follows the price once its stop price, if it
    has one, was met; it fires when the price has come back by its delta: up for a purchase, down for a sale."""

    def __init__(self) -> None:
        self._waiting: dict[int, Order] = {}
        self._trailing: dict[int, Order] = {}
        self._quiet: tuple[int, int] | None = None
        """Between these prices nothing fires. None: look again. Most prices are looked at no closer than that."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, order: Order) -> None:
        self._waiting[order.id] = order
        if order.trailing_delta:
            self._trailing[order.id] = order
        self._quiet = None

    def remove(self, order: Order) -> None:
        self._waiting.pop(order.id, None)
        self._trailing.pop(order.id, None)
        self._quiet = None

    def trail(self, last_price: int) -> list[Order]:
        """The trailing orders for which this price is the best so far: it is theirs to follow from."""
        following = [order for order in self._trailing.values() if self._follows(order, last_price)]
        if following:
            self._quiet = None
        return following

    def next(self, last_price: int) -> Order | None:
        """The oldest order that this price fires, if any."""
        if not self._waiting or (self._quiet is not None and self._quiet[0] < last_price < self._quiet[1]):
            return None
        low, high = 0, _EVERYWHERE
        for order in self._waiting.values():
            level = self._level(order)
            if level is None:
                continue
            if self._fires(order, level, last_price):
                return order
            low, high = (low, min(high, level)) if level > last_price else (max(low, level), high)
        self._quiet = (low, high)
        return None

    @staticmethod
    def met(kind: OrderType, buy: bool, stop_price: int, last_price: int) -> bool:
        """Stops are met when the price runs away from the trader, profits when it comes towards them."""
        return last_price >= stop_price if (kind in STOPS) == buy else last_price <= stop_price

    def _follows(self, order: Order, last_price: int) -> bool:
        if not order.extreme:
            return self.met(order.type, order.buy, order.stop_price, last_price)
        return last_price < order.extreme if order.buy else last_price > order.extreme

    @staticmethod
    def _level(order: Order) -> int | None:
        """The price that fires it now. None while it does not follow yet."""
        if not order.trailing_delta:
            return order.stop_price
        if not order.extreme:
            return None
        return order.extreme * (_BASIS + (order.trailing_delta if order.buy else -order.trailing_delta)) // _BASIS

    def _fires(self, order: Order, level: int, last_price: int) -> bool:
        if order.trailing_delta:
            return last_price >= level if order.buy else last_price <= level
        return self.met(order.type, order.buy, level, last_price)
