"""What Tradefleet asks of a venue, in its own words. One object serves one account, or, without keys, the public."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import msgspec

from trading.fills import Fill
from trading.ids import Asset, ClientOrderId, Symbol, TradeId, VenueOrderId
from trading.instruments import Instrument
from trading.market import Candle, Quote
from trading.orders import ApprovedOrder, OrderKind, OrderState, Side


class ApiKey(msgspec.Struct, frozen=True):
    """A decrypted exchange key. Lives in the gateway's memory and nowhere else; its repr shows stars."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return "ApiKey(***)"


class VenueAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Which venue, and where: the paper exchange is `binance` at another address, nothing more."""

    name: str
    """Our name for it, for instance `paper` or `binance`."""
    ccxt_id: str
    rest_url: str | None = None
    """None: the venue's own addresses, as ccxt knows them."""
    stream_url: str | None = None
    sandbox: bool = False


class Balance(msgspec.Struct, frozen=True):
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


class KeyRights(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may do, in the venue's own word. None: the venue does not say."""

    trade: bool | None = None
    withdraw: bool | None = None
    """Whether it can move money out of the account, in whatever way. Such a key is not to be kept."""
    address_bound: bool | None = None
    """Whether it works from listed addresses only."""


class VenueOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's own account of one order: never `intended`, `sent` or `unknown`."""

    venue_order_id: VenueOrderId
    client_order_id: ClientOrderId | None
    symbol: Symbol
    side: Side
    kind: OrderKind | None
    """None for a kind that we never send: somebody else's order on the same account."""
    quantity: Decimal
    price: Decimal | None
    filled: Decimal
    state: OrderState
    updated_at: datetime


class StreamOpened(msgspec.Struct, frozen=True):
    """The first event of every user stream: it stands. What happened before must be asked for now; nothing after is
    missed, until `StreamLost`."""


UserEvent = StreamOpened | VenueOrder | Fill | Mapping[Asset, Balance]
"""What a user stream brings, in the order received. Balances may be partial: only the assets that changed."""


class Account(Protocol):
    """One account at one venue. Raises only `exchanges.errors`; whether the outcome is known is in their type."""

    async def place(self, order: ApprovedOrder, signed_at: datetime) -> VenueOrder:
        """Send one order, once. Signed with that venue time, it is dead a receive window later, wherever it stuck.

        `OutcomeUnknown` when it may exist; any `OutcomeKnown` when it certainly does not.
        """

    async def cancel(self, symbol: Symbol, client_order_id: ClientOrderId) -> None:
        """Ask for a cancellation. `OrderNotFound` when the venue has no such order open."""

    async def find(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder | None:
        """The order of that name, or None when the venue says that it has never had one."""

    async def open_orders(self, symbol: Symbol) -> Sequence[VenueOrder]: ...
    async def fills_since(self, symbol: Symbol, after: TradeId | None) -> Sequence[Fill]:
        """Every fill after that one, oldest first, all pages."""

    async def order_fills(self, symbol: Symbol, order: VenueOrderId) -> Sequence[Fill]: ...
    async def balances(self) -> Mapping[Asset, Balance]: ...
    async def key_rights(self) -> KeyRights: ...
    def user_events(self) -> AsyncIterator[UserEvent]:
        """The live stream: `StreamOpened` first. Ends by raising `StreamLost`."""

    async def close(self) -> None: ...


class PublicMarket(Protocol):
    """What anybody may ask of a venue."""

    async def instruments(self, symbols: Sequence[Symbol] | None = None) -> Mapping[Symbol, Instrument]: ...
    async def quotes(self, symbols: Sequence[Symbol]) -> Sequence[Quote]: ...
    async def candles(self, symbol: Symbol, timeframe: str, since: datetime | None, limit: int) -> Sequence[Candle]: ...
    def quote_stream(self, symbols: Sequence[Symbol]) -> AsyncIterator[Quote]:
        """Live best bid and ask. Ends by raising `StreamLost`."""

    async def clock_offset_ms(self) -> int:
        """The venue's clock less ours."""

    async def close(self) -> None: ...
