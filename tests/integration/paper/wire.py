"""The venue's protocol by hand, for what no client library would send or show."""

import hmac
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp

Sign = Callable[[str], str]


def hmac_signer(secret: str) -> Sign:
    return lambda text: hmac.digest(secret.encode(), text.encode(), "sha256").hex()


class Rest:
    """Signed and unsigned requests, with the whole answer for a look at status and headers."""

    def __init__(self, url: str, key: dict[str, Any] | None = None) -> None:
        self._url = url
        self._key = key

    async def send(self, method: str, path: str, *, signed: bool = False, **params: Any) -> tuple[int, Any, Any]:
        """Status, body and headers."""
        headers = {"X-MBX-APIKEY": self._key["api_key"]} if self._key else {}
        query = urlencode(params | ({"timestamp": time.time_ns() // 1_000_000} if signed else {}))
        if signed:
            assert self._key is not None
            query += f"&signature={hmac_signer(self._key['secret'])(query)}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self._url}{path}?{query}", headers=headers) as answer,
        ):
            return answer.status, await answer.json(), answer.headers

    async def refusal(self, method: str, path: str, **params: Any) -> tuple[int, int, str]:
        """Status, code and message."""
        status, body, _ = await self.send(method, path, signed=self._key is not None, **params)
        return status, body["code"], body["msg"]


def ws_params(key: dict[str, Any], sign: Sign | None = None, **params: Any) -> dict[str, Any]:
    """Signed parameters for the WebSocket API."""
    params |= {"apiKey": key["api_key"], "timestamp": time.time_ns() // 1_000_000}
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    return params | {"signature": (sign or hmac_signer(key["secret"]))(payload)}
