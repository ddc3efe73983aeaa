"""What one exchange does differently, where ccxt's unified interface does not hide it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from exchanges.limits import Limit


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    options: Mapping[str, Any] = {}
    """ccxt's options for this exchange."""
    limits: tuple[Limit, ...] = (Limit("weight", 600, 60.0),)
    """Until the venue states its own."""
    weight_per_cost: float = 1.0
    """How much of the venue's own request weight one unit of ccxt's cost stands for."""
    trade_page_key: str | None = None
    """The parameter that asks for trades from an id onwards. None: the venue cannot page by id."""
    trade_page_size: int = 1000
    key_rights_call: str | None = None
    """ccxt's method that tells what a key may do, if the exchange has one."""


_BINANCE = Quirks(
    options={
        # Spot only, and nothing that a spot venue without margin or wallet endpoints lacks.
        "fetchMarkets": {"types": ["spot"]},
        "fetchMargins": False,
        "fetchCurrencies": False,
        "warnOnFetchOpenOrdersWithoutSymbol": False,
    },
    limits=(Limit("weight", 6_000, 60.0), Limit("orders", 100, 10.0)),
    # ccxt counts 1,200 a minute where Binance counts 6,000.
    weight_per_cost=5.0,
    trade_page_key="fromId",
    key_rights_call="sapiGetAccountApiRestrictions",
)

_QUIRKS: Mapping[str, Quirks] = {"binance": _BINANCE, "binanceus": _BINANCE}


def quirks_of(ccxt_id: str) -> Quirks:
    return _QUIRKS.get(ccxt_id, Quirks())
