"""The operator's side of a paper exchange, as a test uses it."""

from typing import Any, Protocol

import aiohttp


class Exchange(Protocol):
    """One in this process, or in another."""

    @property
    def rest_url(self) -> str: ...
    @property
    def admin_token(self) -> str: ...


async def administer(exchange: Exchange, method: str, path: str, body: object = None) -> Any:
    headers = {"Authorization": f"Bearer {exchange.admin_token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, f"{exchange.rest_url}/_paper/{path}", json=body) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def open_account(exchange: Exchange, **balances: str) -> dict[str, Any]:
    answer = await administer(exchange, "POST", "accounts", {"balances": balances})
    account: dict[str, Any] = answer["accounts"][0]
    return account
