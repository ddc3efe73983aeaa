"""Conditional orders that wait for the last price to reach theirs."""

from paper.orders import STOPS, Order, OrderType

_BASIS = 10_000


class Triggers:
    """The waiting orders of one market, oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[int, Order] = {}
        self._quiet: tuple[int, int] | None = None
        """Between these prices nothing can fire. None: look again. Most prices are looked at no closer than that."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, order: Order, last_price: int) -> None:
        if order.trailing_delta and not order.stop_price:
            order.extreme = order.extreme or last_price
        self._waiting[order.id] = order
        self._quiet = None

    def remove(self, order: Order) -> None:
        self._waiting.pop(order.id, None)
        self._quiet = None

    def next(self, last_price: int) -> Order | None:
        """The oldest order that this price fires, if any."""
        if not self._waiting or (self._quiet is not None and self._quiet[0] < last_price < self._quiet[1]):
            return None
        low, high = 0, 1 << 200
        for order in self._waiting.values():
            if order.trailing_delta:
                self._follow(order, last_price)
            level = self.level(order)
            if level is None:
                low = high = last_price
                continue
            if self.fires(order.type, order.buy, level, last_price):
                return order
            if level > last_price:
                high = min(high, level)
            else:
                low = max(low, level)
            if order.trailing_delta:
                low = high = last_price
        self._quiet = (low, high)
        return None

    @staticmethod
    def fires(kind: OrderType, buy: bool, level: int, last_price: int) -> bool:
        """Stops fire when the price runs away from the trader, profits when it comes to meet them."""
        return last_price >= level if (kind in STOPS) == buy else last_price <= level

    @staticmethod
    def level(order: Order) -> int | None:
        """The price that fires it now. None while a trailing order waits for its stop price to be touched first."""
        if not order.trailing_delta:
            return order.stop_price
        if not order.extreme:
            return None
        away = order.extreme * order.trailing_delta // _BASIS
        rises = (order.type in STOPS) == order.buy
        return order.extreme + away if rises else order.extreme - away

    @staticmethod
    def _follow(order: Order, last_price: int) -> None:
        if not order.extreme:
            if not Triggers.fires(order.type, order.buy, order.stop_price, last_price):
                return
            order.extreme = last_price
        rises = (order.type in STOPS) == order.buy
        order.extreme = min(order.extreme, last_price) if rises else max(order.extreme, last_price)
