"""What happened at the venue, for good. The journal is a list of these, and applying them in order is the venue's whole
memory: a start after a crash is the same code as a first day.
"""

from enum import StrEnum

import msgspec

from paper.candles import Candle
from paper.orders import Order, OrderList, Status


class KeyKind(StrEnum):
    HMAC = "hmac"
    ED25519 = "ed25519"


class Key(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An API key. `secret` is the shared secret, or the public key in PEM. Its repr shows stars."""

    key: str
    account: str
    kind: KeyKind
    secret: str
    trade: bool = True
    withdraw: bool = False
    addresses: tuple[str, ...] = ()
    """Where it may be used from; empty for anywhere."""
    created_at: int = 0

    def __repr__(self) -> str:
        return f"Key(…{self.key[-4:]}, ***)"


class AccountOpened(msgspec.Struct, frozen=True, kw_only=True, tag="account", omit_defaults=True):
    account: str
    uid: int
    at: int
    discount: bool = False
    """Whether it pays its fees in the discount asset while it has some."""


class KeyIssued(msgspec.Struct, frozen=True, tag="key"):
    key: Key


class KeyRevoked(msgspec.Struct, frozen=True, tag="revoked"):
    key: str


class FundsMoved(msgspec.Struct, frozen=True, kw_only=True, tag="funds", gc=False):
    """A deposit, or with a negative amount a withdrawal."""

    id: int
    account: str
    asset: str
    amount: int
    at: int


class OrderAccepted(msgspec.Struct, frozen=True, tag="order"):
    order: Order


class ListAccepted(msgspec.Struct, frozen=True, tag="list"):
    """An order list with its orders: all of it or nothing."""

    list: OrderList
    orders: tuple[Order, ...]


class StopTrailed(msgspec.Struct, frozen=True, kw_only=True, tag="trailed"):
    """A trailing stop has seen a better price than any before."""

    id: int
    extreme: int
    at: int


class OrderTriggered(msgspec.Struct, frozen=True, kw_only=True, tag="triggered", gc=False):
    id: int
    at: int
    locked: int


class OrderEnded(msgspec.Struct, frozen=True, kw_only=True, tag="ended", omit_defaults=True, gc=False):
    """Ended without being filled to the last: cancelled or expired."""

    id: int
    status: Status
    at: int
    cancel_id: str = ""
    reason: str = ""
    """Why it expired, in the venue's word for it."""


class OrderRevived(msgspec.Struct, frozen=True, kw_only=True, tag="revived"):
    """A cancelled order that was not: real venues do that, and the fill that follows is as real as any."""

    id: int
    at: int
    locked: int


class Traded(msgspec.Struct, frozen=True, kw_only=True, tag="trade", omit_defaults=True, gc=False):
    """A trade that an account had a part in. The order number 0 is the synthetic market's side."""

    symbol: str
    id: int
    price: int
    quantity: int
    at: int
    buyer_maker: bool
    buy_order: int = 0
    sell_order: int = 0
    buy_fee: int = 0
    buy_fee_asset: str = ""
    sell_fee: int = 0
    sell_fee_asset: str = ""


class MarketMoved(msgspec.Struct, frozen=True, kw_only=True, tag="moved", omit_defaults=True, gc=False):
    """The feed's place, and each market's last price and next trade id, so that a restart goes on from there."""

    step: int
    at: int
    markets: dict[str, tuple[int, int]]
    feed: tuple[float, ...] = ()
    """Now and then, the feed's own memory: the steps since are taken again from there."""


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag="opened"):
    """The venue's first line: by which feed and seed it lives."""

    feed: str
    seed: int
    at: int
    markets: tuple[str, ...] = ()


class MinuteClosed(msgspec.Struct, frozen=True, kw_only=True, tag="minute"):
    symbol: str
    candle: Candle


Fact = (
    Opened
    | AccountOpened
    | KeyIssued
    | KeyRevoked
    | FundsMoved
    | OrderAccepted
    | ListAccepted
    | StopTrailed
    | OrderTriggered
    | OrderEnded
    | OrderRevived
    | Traded
    | MarketMoved
    | MinuteClosed
)
