"""The paper exchange with one account on it, without its sockets: the engine that matches for real clients too."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from paper.accounts import AccountTrade
from paper.candles import Candle as Minute
from paper.crowd import Crowd
from paper.facts import Fact, OrderAccepted, OrderEnded, Traded
from paper.feed import Tick
from paper.filters import NewOrder
from paper.fixed import from_decimal, to_decimal
from paper.markets import DEFAULT_MARKETS, Market
from paper.orders import Order, OrderType, Status
from paper.state import State
from paper.venue import Venue, Which
from storage.orders import OrderNews
from trading.fills import Fill
from trading.ids import Asset, ClientOrderId, Symbol, TradeId, VenueOrderId
from trading.instruments import Instrument
from trading.market import Candle, Quote
from trading.orders import ApprovedOrder, OrderEvent, OrderKind, Side

T0 = datetime(2026, 3, 2, tzinfo=UTC)
TYPES = {
    OrderKind.LIMIT: OrderType.LIMIT,
    OrderKind.LIMIT_MAKER: OrderType.LIMIT_MAKER,
    OrderKind.MARKET: OrderType.MARKET,
}
EVENTS = {
    Status.NEW: OrderEvent.OPENED,
    Status.PARTIALLY_FILLED: OrderEvent.PARTIALLY_FILLED,
    Status.FILLED: OrderEvent.FILLED,
    Status.CANCELED: OrderEvent.CANCELLED,
    Status.EXPIRED: OrderEvent.EXPIRED,
}
News = OrderNews | Fill


class Engine:
    """What it does is exact and at once. `stream` is what it would tell the account as it happens, oldest first."""

    def __init__(self, balances: Mapping[str, str], *, discount: bool = False, now: datetime = T0) -> None:
        self.now = now
        self.stream: list[News] = []
        self.names = {market.symbol: Symbol(market.name) for market in DEFAULT_MARKETS}
        self.symbols = {name: symbol for symbol, name in self.names.items()}
        self.instruments = {Symbol(market.name): _instrument(market) for market in DEFAULT_MARKETS}
        self.venue = Venue(State(DEFAULT_MARKETS), self._watch)
        self._crowds = {symbol: Crowd(self.venue, symbol) for symbol in self.venue.pits}
        self.account = self.venue.open_account("ada", discount=discount, now=self.now_ms)
        self.opening = {Asset(asset): Decimal(amount) for asset, amount in balances.items()}
        for asset, amount in self.opening.items():
            self.venue.move_funds(self.account, asset, from_decimal(amount), self.now_ms)

    @property
    def now_ms(self) -> int:
        return _ms(self.now)

    # The world's side

    def remember(self, minutes: Mapping[str, Sequence[Minute]]) -> None:
        """Candles from before it opened."""
        for symbol, candles in minutes.items():
            self.venue.state.minutes[symbol].extendleft(reversed(candles))

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        for pit in self.venue.pits.values():
            self.venue.roll(pit, self.now_ms)

    def move(self, symbol: Symbol, bid: Decimal, ask: Decimal, size: Decimal) -> None:
        """Have the crowd stand elsewhere; what it crosses on its way there is filled."""
        self.follow(symbol, Tick(from_decimal(bid), from_decimal(ask), from_decimal(size)))

    def follow(self, symbol: Symbol, tick: Tick) -> None:
        self._crowds[self.symbols[symbol]].follow(tick, self.now_ms)

    def quote(self, symbol: Symbol) -> Quote:
        book = self.venue.pits[self.symbols[symbol]].book
        bid, ask = to_decimal(book.best_bid or 0), to_decimal(book.best_ask or 0)
        return Quote(symbol=symbol, bid=bid, ask=ask, last=bid, at=self.now, received_at=self.now, version=1)

    def candles(self, symbol: Symbol, timeframe: str, since: datetime | None) -> list[Candle]:
        tape = self.venue.pits[self.symbols[symbol]].tape
        start = None if since is None else _ms(since)
        return [
            Candle(
                symbol=symbol,
                timeframe=timeframe,
                opened_at=_time(candle.opened_at),
                open=to_decimal(candle.open),
                high=to_decimal(candle.high),
                low=to_decimal(candle.low),
                close=to_decimal(candle.close),
                volume=to_decimal(candle.volume),
            )
            for candle in tape.candles(timeframe, start, None, 1000)
        ]

    # The account's side

    def place(self, order: ApprovedOrder) -> OrderNews:
        """Raises `Refused`, and then there is no such order."""
        new = NewOrder(
            symbol=self.symbols[order.symbol],
            buy=order.side is Side.BUY,
            type=TYPES[order.kind],
            quantity=from_decimal(order.quantity),
            price=0 if order.price is None else from_decimal(order.price),
            client_id=order.client_order_id,
        )
        return self._news(self.venue.place(self.account, new, self.now_ms))

    def cancel(self, symbol: Symbol, name: ClientOrderId) -> None:
        """Raises `Refused` when it has no such order open."""
        self.venue.cancel(self.account, Which(self.symbols[symbol], None, name), self.now_ms)

    def find(self, symbol: Symbol, name: ClientOrderId) -> OrderNews | None:
        order = self.venue.find(self.account, Which(self.symbols[symbol], None, name))
        return None if order is None else self._news(order)

    def open_orders(self) -> dict[ClientOrderId, tuple[Decimal | None, Decimal]]:
        """By name, at which price how much is left."""
        return {
            ClientOrderId(order.client_id): (
                None if order.limit is None else to_decimal(order.limit),
                to_decimal(order.remaining),
            )
            for order in self.account.open_orders.values()
        }

    def fills(self) -> list[Fill]:
        """The account's trade list, oldest first. As a real one, it names the venue's orders and not ours."""
        return [self._fill(trade) for trade in self.account.trades]

    def balances(self) -> dict[Asset, tuple[Decimal, Decimal]]:
        """Free and locked."""
        return {
            Asset(asset): (to_decimal(balance.free), to_decimal(balance.locked))
            for asset, balance in self.account.balances.items()
        }

    def totals(self) -> dict[Asset, Decimal]:
        return {asset: free + locked for asset, (free, locked) in self.balances().items()}

    # Within

    def _watch(self, fact: Fact) -> None:
        orders = self.venue.state.orders
        match fact:
            case OrderAccepted(order):
                self.stream.append(self._news(order))
            case Traded():
                for order in (orders[number] for number in (fact.buy_order, fact.sell_order) if number):
                    trade = self.account.trades_of[order.id][-1]
                    self.stream += (self._fill(trade, ClientOrderId(order.client_id)), self._news(order))
            case OrderEnded():
                self.stream.append(self._news(orders[fact.id]))
            case _:
                pass

    def _news(self, order: Order) -> OrderNews:
        return OrderNews(
            client_order_id=ClientOrderId(order.client_id),
            event=EVENTS[order.status],
            venue_order_id=VenueOrderId(str(order.id)),
            executed=to_decimal(order.filled),
        )

    def _fill(self, trade: AccountTrade, name: ClientOrderId | None = None) -> Fill:
        return Fill(
            symbol=self.names[trade.symbol],
            trade_id=TradeId(str(trade.id)),
            venue_order_id=VenueOrderId(str(trade.order_id)),
            client_order_id=name,
            side=Side.BUY if trade.buy else Side.SELL,
            price=to_decimal(trade.price),
            quantity=to_decimal(trade.quantity),
            fee=to_decimal(trade.fee),
            fee_asset=Asset(trade.fee_asset),
            maker=trade.maker,
            at=_time(trade.at),
        )


def _instrument(market: Market) -> Instrument:
    return Instrument(
        symbol=Symbol(market.name),
        base=Asset(market.base),
        quote=Asset(market.quote),
        price_tick=to_decimal(market.price_tick),
        lot_step=to_decimal(market.lot_step),
        quantity_min=to_decimal(market.lot_step),
        quantity_max=to_decimal(market.quantity_max),
        notional_min=to_decimal(market.notional_min),
        maker_fee=to_decimal(market.maker_fee),
        taker_fee=to_decimal(market.taker_fee),
    )


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
