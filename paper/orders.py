"""An order as the venue keeps it, and the words that the venue has for it."""

from enum import StrEnum

import msgspec

from paper.fixed import product


class OrderType(StrEnum):
    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Status(StrEnum):
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


# Tuples, because looking for an enum's member in a set costs more than in so few.
STOPS = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
CONDITIONAL = (*STOPS, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
PRICELESS = (OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT)
OPEN = (Status.NEW, Status.PARTIALLY_FILLED)


class Order(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One order of one account, from its acceptance to for ever. Amounts are units, times milliseconds.

    What follows `locked` changes; the rest is as the client asked. Only `venue.Venue.apply` changes it.
    """

    id: int
    account: str
    symbol: str
    client_id: str
    buy: bool
    type: OrderType
    time_in_force: TimeInForce = TimeInForce.GTC
    quantity: int
    quote_quantity: int = 0
    """What a market order by quote amount was to spend. Its quantity is what that bought when it arrived."""
    price: int = 0
    stop_price: int = 0
    trailing_delta: int = 0
    list_id: int = -1
    placed_at: int

    locked: int = 0
    """Of the asset that it spends, how much is set aside for it."""
    status: Status = Status.NEW
    filled: int = 0
    quote_filled: int = 0
    updated_at: int = 0
    working_at: int = 0
    """When it entered the book; 0 while it waits for its trigger."""
    extreme: int = 0
    """The best price that a trailing stop has seen since it began to follow; 0 before."""
    trailing_since: int = 0
    cancel_id: str = ""
    """The client id of the cancellation that ended it."""
    expiry_reason: str = ""

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled

    @property
    def side(self) -> str:
        return "BUY" if self.buy else "SELL"

    @property
    def rests(self) -> bool:
        """Whether what cannot trade at once stays in the book."""
        return self.type not in PRICELESS and self.time_in_force is TimeInForce.GTC

    @property
    def limit(self) -> int | None:
        return None if self.type in PRICELESS else self.price

    def cost_at_limit(self, quantity: int) -> int:
        return product(self.price, quantity)


class OrderList(msgspec.Struct, frozen=True, kw_only=True):
    """Orders of which one cancels the other."""

    id: int
    account: str
    symbol: str
    client_id: str
    orders: tuple[int, ...]
    placed_at: int
