import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exchanges.client import client_class

RECORDED = Path(__file__).parents[2] / "fixtures" / "exchanges" / "binance"


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], Any]:
    """A payload as Binance sends it."""

    def read(name: str) -> Any:
        return json.loads((RECORDED / f"{name}.json").read_text(), parse_float=str)

    return read


@pytest.fixture(scope="session")
def binance(recorded: Callable[[str], Any]) -> Iterator[Any]:
    """ccxt's Binance, with markets and without a connection."""
    client = client_class("binance")({"options": {"crossMarginPairsData": [], "isolatedMarginPairsData": []}})
    client.set_markets([client.parse_market(market) for market in recorded("exchange_info")["symbols"]])
    yield client
    client.session = None
