from collections.abc import AsyncIterator

import pytest

from tests.integration.api.site import Browser, Site, serve


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Site]:
    async with serve(database_url) as running:
        yield running


@pytest.fixture
async def ada(site: Site) -> Browser:
    return await site.sign_in("ada@example.com")


@pytest.fixture
async def bob(site: Site) -> Browser:
    return await site.sign_in("bob@example.com")


@pytest.fixture
async def admin(site: Site) -> Browser:
    return await site.sign_in("root@example.com", "admin")
