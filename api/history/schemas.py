"""What an account did and holds. Amounts are strings without an exponent: every client reads them the same."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from api.paging import Page

Amount = Annotated[str, Meta(pattern=r"^-?\d+(\.\d+)?$", description="An exact decimal.", examples=["0.00042"])]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    client_order_id: str
    venue_order_id: str | None
    run_id: str
    slot: str
    symbol: str
    side: str
    kind: str
    purpose: str
    quantity: Amount
    price: Amount | None
    filled: Amount
    quote_filled: Amount
    state: str
    why: str
    """Why it was wanted."""
    reason: str
    """Why it ended, in the venue's words."""
    intended_at: datetime
    updated_at: datetime


class OrderPage(Page, frozen=True, kw_only=True):
    items: list[Order]


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    symbol: str
    trade_id: str
    client_order_id: str | None
    venue_order_id: str
    side: str
    price: Amount
    quantity: Amount
    fee: Amount
    fee_asset: str
    maker: bool


class FillPage(Page, frozen=True, kw_only=True):
    items: list[Fill]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    at: datetime
    run_id: str
    kind: str
    symbol: str | None
    reason: str
    detail: Mapping[str, Any]
    """The numbers that it rested on."""


class DecisionPage(Page, frozen=True, kw_only=True):
    items: list[Decision]


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    asset: str
    free: Amount
    locked: Amount
    total: Amount


class Balances(msgspec.Struct, frozen=True, kw_only=True):
    """As the venue last reported them. `at` is null before the first report."""

    items: list[Balance]
    at: datetime | None
