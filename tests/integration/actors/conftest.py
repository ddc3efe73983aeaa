from collections.abc import AsyncIterator

import pytest

from tests.trading_floor import Customer, Floor, open_floor


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Floor]:
    async with open_floor(database_url) as floor:
        yield floor


@pytest.fixture
async def ada(floor: Floor) -> Customer:
    customer = await floor.customer()
    await customer.open()
    return customer
