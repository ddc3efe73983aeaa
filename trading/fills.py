"""One trade of ours, as the venue recorded it."""

from datetime import datetime
from decimal import Decimal

import msgspec

from trading.ids import Asset, ClientOrderId, Symbol, TradeId, VenueOrderId
from trading.orders import Side


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    symbol: Symbol
    trade_id: TradeId
    venue_order_id: VenueOrderId
    client_order_id: ClientOrderId | None
    """None when the venue's trade list does not name it and no order of ours has that venue id."""
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: Asset
    maker: bool
    at: datetime

    @property
    def quote(self) -> Decimal:
        return self.price * self.quantity
