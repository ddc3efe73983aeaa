import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo_process import DemoProcess


@pytest.fixture
def demo(cache_directory: Path) -> Iterator[DemoProcess]:
    # Not pytest's own folder: run by root, the database server is `nobody`, who may not look into that.
    directory = Path(tempfile.mkdtemp(prefix="tradefleet-"))
    directory.chmod(0o755)
    demo = DemoProcess(directory, cache_directory)
    yield demo
    demo.end()
    shutil.rmtree(directory)
