import json
import subprocess
import sys

import pytest

from exchanges.errors import UnsupportedVenue
from exchanges.loading import load_exchange

REPORT_MODULES = """
import json, sys
from exchanges.loading import load_exchange
exchange = load_exchange("binance")
print(json.dumps([exchange.__module__, sorted(m for m in sys.modules if m.startswith("ccxt."))]))
"""


@pytest.mark.slow
def test_one_exchange_comes_with_its_streams_and_without_the_others() -> None:
    printed = subprocess.run([sys.executable, "-c", REPORT_MODULES], capture_output=True, check=True, text=True).stdout
    module, loaded = json.loads(printed)
    exchanges = {name for name in loaded if name.split(".")[1] in {"async_support", "pro", "abstract"}}
    assert module == "ccxt.pro.binance"
    assert {name.rsplit(".", 1)[1] for name in exchanges if ".base" not in name} == {
        "async_support",
        "pro",
        "abstract",
        "binance",
    }
    assert "ccxt.binance" not in loaded


def test_an_exchange_that_inherits_from_another_loads_with_it() -> None:
    assert [base.__name__ for base in load_exchange("binanceusdm").__mro__[:2]] == ["binanceusdm", "binance"]


@pytest.mark.parametrize("unknown", ["nowhere", "base", "../binance", "", "Binance"])
def test_an_unknown_exchange_names_itself(unknown: str) -> None:
    with pytest.raises(UnsupportedVenue, match="ccxt"):
        load_exchange(unknown)
