"""One site for a whole module: these tests ask many questions and change little. Each makes users of its own."""

from collections.abc import AsyncIterator
from itertools import count

import pytest_asyncio

from tests.conftest import Server
from tests.integration.api.site import Browser, Site, serve

_numbers = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(database_server: Server) -> AsyncIterator[Site]:
    with database_server.database() as url:
        async with serve(url) as running:
            yield running


@pytest_asyncio.fixture(loop_scope="module")
async def ada(site: Site) -> Browser:
    return await site.sign_in(f"ada{next(_numbers)}@example.com")


@pytest_asyncio.fixture(loop_scope="module")
async def bob(site: Site) -> Browser:
    return await site.sign_in(f"bob{next(_numbers)}@example.com")
