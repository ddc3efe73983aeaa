"""Identifiers that must not be mixed up, and the one rule for naming an order."""

import base64
import hashlib
from typing import NewType

UserId = NewType("UserId", str)
AccountId = NewType("AccountId", str)
RunId = NewType("RunId", str)
VenueName = NewType("VenueName", str)
Symbol = NewType("Symbol", str)
"""A market in the unified form `BASE/QUOTE`, for instance `BTC/USDT`."""
Asset = NewType("Asset", str)
Slot = NewType("Slot", str)
"""A strategy's own name for a place where an order may stand, for instance `B:1` or `S:TP1`."""
ClientOrderId = NewType("ClientOrderId", str)
VenueOrderId = NewType("VenueOrderId", str)
TradeId = NewType("TradeId", str)
Epoch = NewType("Epoch", int)
"""Fencing token of an account's lease: grows with every grant; whoever holds an older one may not send."""

CLIENT_ORDER_ID_PREFIX = "tf"


def base_of(symbol: Symbol) -> Asset:
    return Asset(symbol.partition("/")[0])


def quote_of(symbol: Symbol) -> Asset:
    return Asset(symbol.partition("/")[2])


def client_order_id(run: RunId, slot: Slot, cycle: int, attempt: int) -> ClientOrderId:
    """Name an order by what it is for, so that deciding twice names the same order twice.

    Thirty-two lower-case letters and digits: the narrowest form among the venues that take client ids at all.
    """
    name = f"{run}\x1f{slot}\x1f{cycle}\x1f{attempt}".encode()
    digest = base64.b32encode(hashlib.sha256(name).digest()).decode().lower()
    return ClientOrderId(CLIENT_ORDER_ID_PREFIX + digest[:30])


def is_ours(client_id: str) -> bool:
    """Whether a client order id has the form of one of ours. Proof of ownership is the intent in the database."""
    return len(client_id) == 32 and client_id.startswith(CLIENT_ORDER_ID_PREFIX)
