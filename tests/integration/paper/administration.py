"""The operator's side of a paper exchange, as a test uses it."""

from typing import Any

import aiohttp

from paper.server import PaperExchange


async def administer(exchange: PaperExchange, method: str, path: str, body: object = None) -> Any:
    headers = {"Authorization": f"Bearer {exchange.admin_token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, f"{exchange.rest_url}/_paper/{path}", json=body) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def open_account(exchange: PaperExchange, **balances: str) -> dict[str, Any]:
    answer = await administer(exchange, "POST", "accounts", {"balances": balances})
    account: dict[str, Any] = answer["accounts"][0]
    return account
