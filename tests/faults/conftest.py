from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo_process import DemoProcess


@pytest.fixture
def demo(tmp_path: Path, cache_directory: Path) -> Iterator[DemoProcess]:
    demo = DemoProcess(tmp_path, cache_directory)
    yield demo
    demo.end()
