"""What a trader's process must carry."""

import subprocess
import sys

import pytest

HEAVY = {"numpy", "pydantic", "talipp", "asyncio", "ray", "ccxt", "sqlalchemy", "statistics", "random"}


@pytest.mark.slow
def test_deciding_loads_nothing_heavy() -> None:
    said = "import sys, trading.decide; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY.isdisjoint(loaded)
