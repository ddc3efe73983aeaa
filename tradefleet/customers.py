"""The demo's customers: they sign up, put in a key and start trading over the same web API as everybody."""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec

PEOPLE = ("ada", "ben", "cyd")
BALANCES = {"USDT": "10000"}
STRATEGIES: Sequence[tuple[str, Mapping[str, Any]]] = (
    (
        "naive",
        {
            "symbol": "BTC/USDT",
            "dip_pct": "0.08",
            "target_pct": "0.3",
            "stop_pct": "3",
            "rounds": 5,
            "rebuy_pct": "0.15",
            "budget_per_round": "400",
            "budget": "2000",
        },
    ),
    (
        "grid",
        {
            "mode": "basket",
            "symbol": "ETH/USDT",
            "size": "300",
            "levels": 6,
            "step_pct": "0.12",
            "tp1_pct": "0.3",
            "tp2_pct": "0.5",
            "trail_pct": "0.2",
            "trail_start_pct": "0.5",
            "reanchor_pct": "0.3",
            "reanchor": "auto",
        },
    ),
    (
        "dca",
        {
            "mode": "price",
            "symbol": "SOL/USDT",
            "base_order": "200",
            "safety_order": "200",
            "safety_orders": 6,
            "step_pct": "0.2",
            "take_profit": [{"above_pct": "0.35", "share_pct": "100"}],
            "cool_down_s": 5,
        },
    ),
    (
        "rebalance",
        {
            "quote": "USDT",
            "targets": {"BTC": "30", "ETH": "20", "SOL": "10"},
            "order_size_pct": "2",
            "order_step_pct": "0.02",
            "min_delta_quote": "50",
            "interval_s": 5,
        },
    ),
    (
        "deals",
        {
            "symbol": "BTC/USDT",
            "deal_quota": "250",
            "profit_markup": "0.1",
            "deal_count": 4,
            "order_life_time": 60,
            "spacing_pct": "0.1",
        },
    ),
    (
        "signal",
        {
            "variant": "mean_reversion",
            "symbols": ["BTC/USDT", "ETH/USDT", "SOL/USDT"],
            "timeframe": "1m",
            "risk_pct": "1",
            "take_profit_r": "1.5",
            "max_positions": 3,
        },
    ),
    (
        "naive",
        {
            "symbol": "ETH/USDT",
            "dip_pct": "0.1",
            "target_pct": "0.4",
            "stop_pct": "3",
            "rounds": 4,
            "rebuy_pct": "0.2",
            "budget_per_round": "300",
            "budget": "1200",
        },
    ),
    (
        "dca",
        {
            "mode": "time",
            "symbol": "BTC/USDT",
            "amount": "25",
            "interval_s": 60,
        },
    ),
)


class DemoFailed(Exception):
    """A part of the demo did not do what it must."""


class Customer:
    """One person's browser, more or less: a session cookie and the token that goes with it."""

    def __init__(self, base: str) -> None:
        self._session = aiohttp.ClientSession(base_url=base, cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._headers: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def register(self, email: str, password: str) -> None:
        await self.send("POST", "/api/v1/auth/register", {"email": email, "password": password})

    async def log_in(self, email: str, password: str) -> str:
        """Answers who they are."""
        me = await self.send("POST", "/api/v1/auth/login", {"email": email, "password": password})
        self._headers["X-CSRF-Token"] = me["csrf_token"]
        return str(me["id"])

    async def accounts(self) -> list[dict[str, Any]]:
        page = await self.send("GET", "/api/v1/accounts?limit=100")
        found: list[dict[str, Any]] = page["items"]
        return found

    async def open_account(self, name: str, key: Mapping[str, str], strategy: str, params: Mapping[str, Any]) -> str:
        account = (await self.send("POST", "/api/v1/accounts", {"name": name, "venue": "paper", "mode": "paper"}))["id"]
        await self.send(
            "PUT", f"/api/v1/accounts/{account}/credentials", {"key": key["api_key"], "secret": key["secret"]}
        )
        await self.send("PUT", f"/api/v1/accounts/{account}/config", {"strategy": strategy, "params": dict(params)})
        return str(account)

    async def start(self, account: str) -> None:
        await self.send("POST", f"/api/v1/accounts/{account}/start")

    async def send(self, method: str, path: str, body: Any = None) -> Any:
        async with self._session.request(method, path, json=body, headers=self._headers) as response:
            answer = await response.read()
            if response.status >= 400:
                raise DemoFailed(f"{method} {path} answered {response.status}: {answer.decode(errors='replace')}")
            return msgspec.json.decode(answer) if answer else None


class PaperAdmin:
    """The paper exchange's own desk, where accounts are opened and every trade is on record."""

    def __init__(self, base: str, token: str) -> None:
        self._base = base
        self._token = token

    async def open_accounts(self, count: int) -> list[dict[str, Any]]:
        opened = await self.ask("POST", "/_paper/accounts", {"count": count, "balances": BALANCES})
        accounts: list[dict[str, Any]] = opened["accounts"]
        return accounts

    async def trades(self) -> list[dict[str, Any]]:
        trades: list[dict[str, Any]] = (await self.ask("GET", "/_paper/trades"))["trades"]
        return trades

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self._token}"}
        async with (
            aiohttp.ClientSession(base_url=self._base, headers=headers) as session,
            session.request(method, path, json=body) as response,
        ):
            answer = await response.read()
            if response.status >= 400:
                raise DemoFailed(f"the paper exchange answered {response.status}: {answer.decode(errors='replace')}")
            return msgspec.json.decode(answer)


class Passwords:
    """The demo customers' passwords: made once, kept beside the demo's data, never the same on two machines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = msgspec.json.decode(path.read_bytes()) if path.exists() else {}

    def of(self, email: str) -> tuple[str, bool]:
        """The password, and whether it was made just now."""
        if email in self._known:
            return self._known[email], False
        self._known[email] = secrets.token_urlsafe(18)
        self._path.touch(mode=0o600)
        self._path.write_bytes(msgspec.json.encode(self._known))
        return self._known[email], True


async def bring_customers(api: str, paper: PaperAdmin, passwords: Passwords, accounts: int) -> str:
    """Have this many accounts trade: those of an earlier demo first, then new ones. Answers the first customer's id."""
    first = ""
    for number, person in enumerate(PEOPLE[: min(accounts, len(PEOPLE))]):
        share = len(range(number, accounts, len(PEOPLE)))
        async with Customer(api) as customer:
            email = f"{person}@demo.example"
            password, is_new = passwords.of(email)
            if is_new:
                await customer.register(email, password)
            me = await customer.log_in(email, password)
            first = first or me
            existing = sorted(await customer.accounts(), key=lambda account: str(account["name"]))
            for account in existing[:share]:
                if account["desired_state"] == "stopped":
                    await customer.start(account["id"])
            for account in existing[share:]:
                if account["desired_state"] != "stopped":
                    await customer.send("POST", f"/api/v1/accounts/{account['id']}/stop")
            wanted = range(len(existing), share)
            keys = await paper.open_accounts(len(wanted)) if wanted else []
            for place, key in zip(wanted, keys, strict=True):
                strategy, params = STRATEGIES[(number + place * len(PEOPLE)) % len(STRATEGIES)]
                name = f"{strategy} {place + 1}"
                await customer.start(await customer.open_account(name, key, strategy, params))
    return first
