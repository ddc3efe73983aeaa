"""Asking the venue what our books do not know. The stream only makes things fast: whatever it drops is found here."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import structlog

from actors.recorder import News, Recorder
from actors.venue_clock import VenueClock
from exchanges.errors import Unparsable, VenueError
from exchanges.port import Account, VenueOrder
from storage import orders as order_store
from storage.database import Database
from storage.orders import OrderNews
from trading.fills import Fill
from trading.ids import AccountId, ClientOrderId, Symbol, TradeId
from trading.orders import UNSETTLED, WORKING, Order, OrderEvent, OrderState

NEVER_ARRIVED = "never reached the venue"
FORGOTTEN = "the venue does not know it any more"
FORGOTTEN_AFTER = timedelta(seconds=60)
FILLS_AT_ONCE = 500

_EVENTS = {
    OrderState.OPEN: OrderEvent.OPENED,
    OrderState.PARTIALLY_FILLED: OrderEvent.PARTIALLY_FILLED,
    OrderState.FILLED: OrderEvent.FILLED,
    OrderState.CANCELLED: OrderEvent.CANCELLED,
    OrderState.REJECTED: OrderEvent.REJECTED,
    OrderState.EXPIRED: OrderEvent.EXPIRED,
}

log = structlog.get_logger()

Question = tuple[Order, datetime]
"""An order that may still change, and the venue time that it was signed with."""


class Inquiry:
    """Asks about one account's orders and trades, and records the answers.

    A market whose answers cannot be read is `frozen`: nobody knows what stands there. The others go on.
    """

    def __init__(
        self, *, account: AccountId, venue: Account, clock: VenueClock, database: Database, recorder: Recorder
    ) -> None:
        self.frozen: dict[Symbol, str] = {}
        self._account = account
        self._venue = venue
        self._clock = clock
        self._database = database
        self._recorder = recorder

    async def look(
        self, names: Collection[ClientOrderId] | None = None, *, trades: Collection[Symbol] = ()
    ) -> list[Order]:
        """Ask about these orders, or about all that may still change. Answers with those whose fate stays open.

        In the markets of `trades`, also read whatever else traded on the account: nothing else tells of that when the
        stream does not. Raises the first failure, after everything else was asked.
        """
        if self.frozen:
            names = None  # only an answer about everything in a market can thaw it
        questions = await self._questions(names)
        symbols = {order.symbol for order, _ in questions}.union(trades, self.frozen)
        failure: VenueError | None = None
        for symbol in sorted(symbols):
            about = [question for question in questions if question[0].symbol == symbol]
            read = symbol in trades or symbol in self.frozen
            try:
                await self._look_at(symbol, about, listed=names is None, trades=read)
            except Unparsable as error:
                self.frozen[symbol] = str(error)
                log.warning("market frozen", account=self._account, symbol=symbol, reason=str(error))
            except VenueError as error:
                failure = failure or error
            else:
                if names is None:
                    self.frozen.pop(symbol, None)
        if failure is not None:
            raise failure
        # Also when there is nothing to record: somebody else may have recorded something.
        await self._recorder.record(())
        return [order for order, _ in await self._questions(names) if order.state not in WORKING]

    async def _look_at(self, symbol: Symbol, questions: Sequence[Question], *, listed: bool, trades: bool) -> None:
        fills = await self._trades(symbol) if trades else []
        newest = fills[-1].trade_id if fills else None
        standing: dict[ClientOrderId | None, VenueOrder] = {}
        if listed and len(questions) > 1:
            standing = {order.client_order_id: order for order in await self._venue.open_orders(symbol)}
        news: list[News] = []
        for order, signed_at in questions:
            # Decided before the venue answers: an answer that is older than the proof proves nothing.
            gone = self._gone(order, signed_at)
            name = order.client_order_id
            found = standing.get(name) or await self._venue.find(symbol, name)
            if found is not None:
                news.append(_asked(found, order))
                if found.filled > order.filled and found.filled != _total(fills, found):
                    fills += await self._venue.order_fills(symbol, found.venue_order_id)
            elif gone:
                news.append(OrderNews(client_order_id=name, event=OrderEvent.EXPIRED, reason=gone))
        await self._record(symbol, fills, news, newest)

    async def _record(
        self, symbol: Symbol, fills: Sequence[Fill], news: Sequence[News], newest: TradeId | None
    ) -> None:
        """In pieces, as a list may be long. Only when all of it is committed it counts as read."""
        for start in range(0, len(fills), FILLS_AT_ONCE):
            if not await self._recorder.record(fills[start : start + FILLS_AT_ONCE]):
                return
        await self._recorder.record(news, {symbol: newest} if newest is not None else None)

    async def _trades(self, symbol: Symbol) -> list[Fill]:
        async with self._database.transaction() as tx:
            read_to = await order_store.trades_read(tx, self._account, symbol)
            read_to = read_to or await order_store.first_trade(tx, self._account, symbol)
        return [] if read_to is None else list(await self._venue.fills_since(symbol, read_to))

    async def _questions(self, names: Collection[ClientOrderId] | None) -> list[Question]:
        async with self._database.transaction() as tx:
            unsettled = await order_store.unsettled(tx, self._account)
        return [each for each in unsettled if names is None or each[0].client_order_id in names]

    def _gone(self, order: Order, signed_at: datetime) -> str:
        """What it means if the venue, asked from now on, says that it does not know this order. Empty: nothing yet."""
        now = self._clock.now()
        if order.state in UNSETTLED:
            # Its window is over: wherever the request is, the venue will not accept it any more.
            return NEVER_ARRIVED if now > signed_at + self._clock.receive_window else ""
        return FORGOTTEN if now > order.updated_at + FORGOTTEN_AFTER else ""


def news_of(order: VenueOrder, name: ClientOrderId) -> OrderNews:
    return OrderNews(
        client_order_id=name,
        event=_EVENTS[order.state],
        venue_order_id=order.venue_order_id,
        executed=order.filled,
    )


def _asked(found: VenueOrder, order: Order) -> OrderNews:
    news = news_of(found, order.client_order_id)
    if news.event is OrderEvent.REJECTED and order.state in WORKING:
        # The venue had taken it, and says now that it never did: either way it has ended.
        return OrderNews(client_order_id=news.client_order_id, event=OrderEvent.EXPIRED, executed=news.executed)
    return news


def _total(fills: Sequence[Fill], order: VenueOrder) -> object:
    return sum(fill.quantity for fill in fills if fill.venue_order_id == order.venue_order_id)
