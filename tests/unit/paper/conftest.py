from collections.abc import Iterator

import pytest

from tests.unit.paper.floor import Floor


@pytest.fixture
def floor() -> Iterator[Floor]:
    """A venue without sockets, clock or crowd. After each test, nothing may have been made or lost on it."""
    floor = Floor()
    yield floor
    floor.check_conservation()
    floor.check_replay()
