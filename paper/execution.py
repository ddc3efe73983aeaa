"""From an order in hand to trades on record: matching, fees, triggers, and what one leg of a list does to the other."""

from collections.abc import Callable

from paper.facts import Fact, OrderEnded, OrderRevived, OrderTriggered, StopTrailed, Traded
from paper.fees import Fees
from paper.fixed import ONE, product
from paper.markets import DISCOUNT_ASSET
from paper.matching import Book, Resting
from paper.orders import PRICELESS, Order, OrderType, Status, TimeInForce
from paper.pits import Pit
from paper.state import State

UNFILLED_IOC = "UNFILLED_IOC_QUANTITY_EXPIRED"
UNFILLED_FOK = "UNFILLED_FOK_ORDER_EXPIRED"
NO_LIQUIDITY = "INSUFFICIENT_LIQUIDITY"
OTHER_LEG = "OCO_TRIGGER"
REJECTED = "REJECTED"


class Execution:
    """Moves accepted orders through the books. Everything that lasts is recorded; the books follow."""

    def __init__(self, state: State, pits: dict[str, Pit], record: Callable[[Fact], None]) -> None:
        self._state = state
        self._pits = pits
        self._record = record
        self._fees = Fees(state)
        self._house_orders = 0

    def enter(self, order: Order, now: int) -> None:
        """Let an order trade what it can at once, and rest or end with what is left."""
        book = self._pits[order.symbol].book
        if order.time_in_force is TimeInForce.FOK and book.available(order.buy, order.limit) < order.quantity:
            self._expire(order, UNFILLED_FOK, now)
            return
        self._take(self._pits[order.symbol], order, book.match(order.buy, order.remaining, order.limit), now)
        if not order.is_open:
            return
        if order.rests:
            book.rest(Resting(order.id, order.buy, order.price, order.remaining))
        else:
            self._expire(order, NO_LIQUIDITY if order.limit is None else UNFILLED_IOC, now)

    def end(self, order: Order, status: Status, now: int, *, cancel_id: str = "", reason: str = "") -> None:
        """Take an order out, from the book or from among the waiting."""
        pit = self._pits[order.symbol]
        if order.working_at:
            pit.book.cancel(order.id)
        else:
            pit.triggers.remove(order)
        self._record(OrderEnded(id=order.id, status=status, at=now, cancel_id=cancel_id, reason=reason))

    def fill_late(self, order: Order, now: int) -> None:
        """Fill a cancelled order after all, at its limit, if its account can still pay."""
        account, needed = self._state.accounts[order.account], self._needed_for_rest(order)
        if (
            order.status is not Status.CANCELED
            or order.limit is None
            or account.free(self._state.spends(order)) < needed
        ):
            return
        self._record(OrderRevived(id=order.id, at=now, locked=needed))
        resting = Resting(order.id, order.buy, order.price, order.remaining)
        self._take(self._pits[order.symbol], None, [(resting, order.remaining)], now)

    def settle(self, pit: Pit, now: int) -> None:
        """Let the last price trigger what waits for it, until nothing more happens."""
        while len(pit.triggers):
            last_price = self._state.last_price[pit.market.symbol]
            for order in pit.triggers.trail(last_price):
                self._record(StopTrailed(id=order.id, extreme=last_price, at=now))
            triggered = pit.triggers.next(last_price)
            if triggered is None:
                return
            self._trigger(pit, triggered, now)

    def rest_house(self, symbol: str, buy: bool, price: int, quantity: int, now: int) -> Resting | None:
        """An order of the synthetic market: trades what it meets, and rests with what is left."""
        left = self.take_house(symbol, buy, price, quantity, now)
        if not left:
            return None
        self._house_orders -= 1
        order = Resting(self._house_orders, buy, price, left)
        self._pits[symbol].book.rest(order)
        return order

    def take_house(self, symbol: str, buy: bool, limit: int | None, quantity: int, now: int) -> int:
        """The synthetic market trades against the book. Returns what it could not get."""
        pit = self._pits[symbol]
        met = pit.book.match(buy, quantity, limit)
        self._take(pit, None, met, now)
        return quantity - sum(amount for _, amount in met)

    def print_house(self, symbol: str, buy: bool, price: int, quantity: int, now: int) -> None:
        """A trade among strangers at a given price. Whoever of us rests in its way takes part, in whole lots."""
        pit = self._pits[symbol]
        lots = quantity // pit.market.lot_step * pit.market.lot_step
        left = quantity - lots + self.take_house(symbol, buy, price, lots, now)
        if left:
            trade_id = self._state.next_trade_id[symbol]
            self._state.print_trade(symbol, trade_id, price)
            pit.tape.add(trade_id, price, left, pit.time(now), buyer_maker=not buy)

    def funds_for(self, order: Order, book: Book, *, triggered: bool = False) -> int:
        """How much must be set aside of what it spends."""
        if not order.buy:
            return order.quantity
        if order.type not in PRICELESS:
            return order.cost_at_limit(order.quantity)
        if order.type is OrderType.MARKET or triggered:
            return book.cost(order.quantity, ONE)
        return 0

    @staticmethod
    def _needed_for_rest(order: Order) -> int:
        return order.cost_at_limit(order.remaining) if order.buy else order.remaining

    def _take(self, pit: Pit, taker: Order | None, met: list[tuple[Resting, int]], now: int) -> None:
        for maker, amount in met:
            resting = self._state.orders[maker.id] if maker.id > 0 else None
            self._trade(pit, taker, resting, maker, amount, now)
            for order in (taker, resting):
                if order is not None and order.list_id >= 0:
                    self._end_other_legs(order, now)

    def _trade(  # noqa: PLR0917
        self, pit: Pit, taker: Order | None, resting: Order | None, maker: Resting, amount: int, now: int
    ) -> None:
        market, price, buy = pit.market, maker.price, not maker.buy
        trade_id = self._state.next_trade_id[market.symbol]
        if taker is None and resting is None:
            self._state.print_trade(market.symbol, trade_id, price)
        else:
            bought, sold = (taker, resting) if buy else (resting, taker)
            buy_fee, buy_fee_asset = self._fees.charge(bought, market, amount, price, maker=not buy)
            # Who trades with themselves pays both sides out of one purse.
            alone = bought is not None and sold is not None and bought.account == sold.account
            owed = buy_fee if alone and buy_fee_asset == DISCOUNT_ASSET else 0
            sell_fee, sell_fee_asset = self._fees.charge(sold, market, amount, price, maker=buy, owed=owed)
            self._record(
                Traded(
                    symbol=market.symbol,
                    id=trade_id,
                    price=price,
                    quantity=amount,
                    at=now,
                    buyer_maker=not buy,
                    buy_order=bought.id if bought else 0,
                    sell_order=sold.id if sold else 0,
                    buy_fee=buy_fee,
                    buy_fee_asset=buy_fee_asset,
                    sell_fee=sell_fee,
                    sell_fee_asset=sell_fee_asset,
                )
            )
        pit.tape.add(trade_id, price, amount, pit.time(now), buyer_maker=not buy)

    def _trigger(self, pit: Pit, order: Order, now: int) -> None:
        pit.triggers.remove(order)
        self._end_other_legs(order, now)
        needed = self.funds_for(order, pit.book, triggered=True)
        free = self._state.accounts[order.account].free(self._state.spends(order))
        if free + order.locked < needed:
            self._expire(order, REJECTED, now)
            return
        self._record(OrderTriggered(id=order.id, at=now, locked=needed))
        self.enter(order, now)

    def _end_other_legs(self, order: Order, now: int) -> None:
        """One cancels the other: the first leg that trades or triggers ends the rest of its list."""
        order_list = self._state.lists.get(order.list_id)
        for leg_id in order_list.orders if order_list is not None else ():
            leg = self._state.orders[leg_id]
            if leg is not order and leg.is_open:
                self.end(leg, Status.EXPIRED, now, reason=OTHER_LEG)

    def _expire(self, order: Order, reason: str, now: int) -> None:
        self._record(OrderEnded(id=order.id, status=Status.EXPIRED, at=now, reason=reason))


def quantity_for(pit: Pit, buy: bool, amount: int) -> int:
    """How much a market order for an amount of the quote buys or sells now, in whole lots."""
    step = pit.market.lot_step
    if buy:
        return pit.book.affordable(amount, ONE, step)
    quantity = 0
    for price, available in pit.book.levels(buy=True):
        worth = product(price, available)
        if worth >= amount:
            return quantity + amount * ONE // price // step * step
        quantity += available
        amount -= worth
    return quantity
