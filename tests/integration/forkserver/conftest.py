"""Real Rays of our own: `forked` and `plain` for all tests, and `start_driver` for one that is to be ended."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.integration.forkserver.rays import LOCAL, Driver, await_end


@pytest.fixture(scope="session")
def start_driver() -> Iterator[Callable[..., Driver]]:
    """Starts a Ray with a directory of its own, whose path is short since Ray's sockets lie in it."""
    directory = Path(tempfile.mkdtemp(prefix="fs-", dir="/tmp"))
    drivers: list[Driver] = []

    def start(*, forked: bool, ray: dict[str, Any] = LOCAL, preload: Sequence[str] = ()) -> Driver:
        where = {"_temp_dir": str(directory / str(len(drivers)))} if ray is LOCAL else {}
        drivers.append(driver := Driver(forked=forked, ray=ray | where, preload=preload))
        return driver

    yield start
    for driver in drivers:
        driver.shut_down()
        await_end(driver.mark)
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def forked(start_driver: Callable[..., Driver]) -> Driver:
    driver = start_driver(forked=True, preload=["msgspec", "numpy.random", "nturl2path"])
    assert driver.forked, driver.lines
    return driver


@pytest.fixture(scope="session")
def plain(start_driver: Callable[..., Driver]) -> Driver:
    return start_driver(forked=False)


@pytest.fixture(params=["forked", "plain"])
def driver(request: pytest.FixtureRequest) -> Driver:
    """What holds of plain workers holds of forked ones."""
    found: Driver = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """Ray's sockets lie in it, and the names of sockets are short."""
    with tempfile.TemporaryDirectory(prefix="fs-", dir="/tmp") as directory:
        yield Path(directory)
