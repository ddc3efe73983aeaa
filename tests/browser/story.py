"""A customer's day, written into a database: what the pages are looked at with. The same every time."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import insert, update

from storage.database import Database
from storage.ids import new_id
from storage.notifications import EVENTS, notify
from storage.tables import (
    Account,
    AccountRuntime,
    CandleRow,
    Credential,
    DecisionRow,
    EquityRow,
    Event,
    FillRow,
    OrderIntent,
    OrderRow,
    Run,
    StrategyConfig,
)
from trading.ids import RunId, Slot, client_order_id

HOURS = 6
CENT = Decimal("0.01")
MARKETS = {"BTC/USDT": Decimal(61_200), "ETH/USDT": Decimal(3_020), "SOL/USDT": Decimal("142.5")}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An account of the story: what it trades, and how it fares."""

    name: str
    symbol: str
    params: dict[str, Any]
    state: str = "running"
    wish: str = "running"
    reason: str = ""
    drift: Decimal = Decimal(40)
    """What it gains over the day."""
    strategy: str = "naive"
    worth: Decimal = Decimal(10_000)
    """When the day began."""


def price_at(symbol: str, minute: int) -> Decimal:
    swing = math.sin(minute / 23) * 0.006 + math.sin(minute / 7.3) * 0.0022 + math.sin(minute / 131) * 0.009
    return (MARKETS[symbol] * Decimal(str(round(1 + swing, 6)))).quantize(CENT)


def naive(symbol: str) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "dip_pct": "0.5",
        "target_pct": "0.6",
        "stop_pct": "3",
        "budget_per_round": "500",
        "budget": "1500",
        "rounds": 3,
        "rebuy_pct": "0.3",
    }


STORY = (
    Told(name="Harbour", symbol="BTC/USDT", params=naive("BTC/USDT")),
    Told(
        name="Lighthouse",
        symbol="ETH/USDT",
        strategy="dca",
        params={"mode": "time", "symbol": "ETH/USDT", "amount": "100", "interval_s": 3600},
        drift=Decimal("-12.4"),
    ),
    Told(
        name="Breakwater",
        symbol="SOL/USDT",
        strategy="grid",
        params={"mode": "basket", "symbol": "SOL/USDT", "size": "200", "levels": 6},
        wish="paused",
        state="paused",
        drift=Decimal(131),
        worth=Decimal(6_000),
    ),
    Told(
        name="Sandbank",
        symbol="BTC/USDT",
        params=naive("BTC/USDT"),
        state="quarantined",
        reason="daily_loss: 10.20 against 10, so quarantine",
        drift=Decimal(-204),
        worth=Decimal(2_000),
    ),
)


async def tell(database: Database, user: str, *, now: datetime | None = None) -> dict[str, str]:
    """Write it all. `database` is in the owner's role. Answers the accounts' ids by name."""
    now = (now or datetime.now(UTC)).replace(second=0, microsecond=0)
    ids = {}
    async with database.transaction() as tx:
        await tx.execute(insert(CandleRow), candles(now))
        for told in STORY:
            ids[told.name] = account = new_id("acc")
            await tx.execute(insert(Account), account_row(told, account, user, now))
            config, run = new_id("cfg"), RunId(new_id("run"))
            begun = now - timedelta(hours=HOURS)
            await tx.execute(
                insert(StrategyConfig),
                {
                    "id": config,
                    "account_id": account,
                    "user_id": user,
                    "version": 1,
                    "strategy": told.strategy,
                    "params": told.params,
                    "created_at": begun,
                },
            )
            await tx.execute(
                insert(Run),
                {"id": run, "account_id": account, "user_id": user, "config_id": config, "opened_at": begun},
            )
            await tx.execute(
                insert(AccountRuntime),
                {
                    "account_id": account,
                    "user_id": user,
                    "state": told.state,
                    "reason": told.reason,
                    "host": "host-1",
                    # Ahead of its time: the story stands still, and a heartbeat must not.
                    "heartbeat_at": datetime.now(UTC) + timedelta(hours=1),
                    "balances": {"USDT": ["8514.20", "985.10"], told.symbol.partition("/")[0]: ["0.0081", "0.0081"]},
                    "balances_at": now,
                },
            )
            await tx.execute(insert(Credential), key_row(account, user))
            await tx.execute(insert(EquityRow), equity(told, account, user, now))
            await trade(tx, told, account, user, run, now)
    return ids


def account_row(told: Told, account: str, user: str, now: datetime) -> dict[str, Any]:
    return {
        "id": account,
        "user_id": user,
        "name": told.name,
        "venue": "paper",
        "mode": "paper",
        "desired_state": told.wish,
        "created_at": now - timedelta(hours=HOURS),
    }


def key_row(account: str, user: str) -> dict[str, Any]:
    """A key that nothing opens: in the story nobody trades."""
    sealed = {"sealed": b"-", "wrapped_key": b"-", "master_key_id": "story"}
    return {"account_id": account, "user_id": user, "key_last4": account[-4:].upper()} | sealed


def candles(now: datetime) -> list[dict[str, Any]]:
    rows = []
    for symbol in MARKETS:
        for minute in range(HOURS * 60):
            opened, closed = price_at(symbol, minute), price_at(symbol, minute + 1)
            wick = (opened * Decimal("0.0004")).quantize(CENT)
            rows.append(
                {
                    "venue": "paper",
                    "symbol": symbol,
                    "timeframe": "1m",
                    "opened_at": now - timedelta(minutes=HOURS * 60 - minute),
                    "open": opened,
                    "high": max(opened, closed) + wick,
                    "low": min(opened, closed) - wick,
                    "close": closed,
                    "volume": Decimal(12),
                }
            )
    return rows


def equity(told: Told, account: str, user: str, now: datetime) -> list[dict[str, Any]]:
    rows = []
    for minute in range(0, HOURS * 60, 3):
        share = Decimal(minute) / (HOURS * 60)
        realised = (told.drift * share).quantize(CENT)
        held = told.worth / 4
        unrealised = (price_at(told.symbol, minute) / MARKETS[told.symbol] * held - held).quantize(CENT)
        rows.append(
            {
                "account_id": account,
                "at": now - timedelta(minutes=HOURS * 60 - minute),
                "user_id": user,
                "quote_asset": "USDT",
                "equity": told.worth + realised + unrealised,
                "realised": realised,
                "unrealised": unrealised,
            }
        )
    return rows


async def trade(tx: Any, told: Told, account: str, user: str, run: RunId, now: datetime) -> None:
    intents, orders, fills, decisions = [], [], [], []
    for number in range(14):
        minute = HOURS * 60 - 14 * 24 + number * 24
        at = now - timedelta(minutes=HOURS * 60 - minute)
        side = "buy" if number % 2 == 0 else "sell"
        slot = Slot(f"{side[0].upper()}:{number // 2 % 3}")
        still_open = number >= 11
        price = price_at(told.symbol, minute)
        if still_open:
            price = (
                price_at(told.symbol, HOURS * 60) * (Decimal("0.994") if side == "buy" else Decimal("1.006"))
            ).quantize(CENT)
        quantity = (Decimal(500) / price).quantize(Decimal("0.00001"))
        name = client_order_id(run, slot, number, 1)
        purpose = "entry" if side == "buy" else "exit"
        why = "the price dipped" if side == "buy" else "the target is reached"
        intents.append(
            {
                "account_id": account, "client_order_id": name, "user_id": user, "run_id": run, "epoch": 1,
                "slot": slot,
                "cycle": number, "attempt": 1, "symbol": told.symbol, "side": side, "kind": "limit", "purpose": purpose,
                "quantity": quantity, "price": price, "reason": why, "intended_at": at,
            }
        )  # fmt: skip
        orders.append(
            {
                "account_id": account, "client_order_id": name, "user_id": user, "venue_order_id": str(1000 + number),
                "state": "open" if still_open else "filled", "filled": 0 if still_open else quantity,
                "quote_filled": 0 if still_open else quantity * price, "updated_at": at,
                "settled_at": None if still_open else at,
            }
        )  # fmt: skip
        if not still_open:
            fills.append(
                {
                    "account_id": account, "symbol": told.symbol, "trade_id": str(5000 + number), "at": at,
                    "user_id": user, "run_id": run, "client_order_id": name, "venue_order_id": str(1000 + number),
                    "side": side,
                    "price": price, "quantity": quantity, "fee": (quantity * price / 1000).quantize(Decimal("0.0001")),
                    "fee_asset": "USDT", "maker": True, "seq": number + 1,
                }
            )  # fmt: skip
        decisions.append(
            {
                "account_id": account, "at": at, "id": f"1-{number}", "user_id": user, "run_id": run,
                "kind": "round_buying" if side == "buy" else "round_idle", "symbol": told.symbol,
                "reason": why if side == "buy" else "sold", "detail": {"round": 1, "turn": number, "bid": str(price)},
            }
        )  # fmt: skip
    decisions.append(
        {
            "account_id": account, "at": now - timedelta(minutes=4), "id": "1-99", "user_id": user, "run_id": run,
            "kind": "refused", "symbol": told.symbol, "reason": "balance: 500 against 485.1",
            "detail": {"rule": "balance", "value": "500", "limit": "485.1", "slot": "B:2"},
        }
    )  # fmt: skip
    for table, rows in ((OrderIntent, intents), (OrderRow, orders), (FillRow, fills), (DecisionRow, decisions)):
        await tx.execute(insert(table), rows)


async def fill_now(database: Database, user: str, account: str, *, price: str = "61234.5") -> None:
    """One more fill, told as the gateway tells it."""
    at = datetime.now(UTC)
    fill = {
        "symbol": "BTC/USDT", "trade_id": f"now-{at.timestamp()}", "venue_order_id": "9", "client_order_id": None,
        "side": "buy", "price": price, "quantity": "0.00042", "fee": "0.02", "fee_asset": "USDT", "maker": True,
        "at": at,
    }  # fmt: skip
    async with database.transaction() as tx:
        row: dict[str, Any] = {
            name: Decimal(str(value)) if name in {"price", "quantity", "fee"} else value for name, value in fill.items()
        }
        await tx.execute(insert(FillRow), row | {"account_id": account, "user_id": user, "run_id": None, "seq": 0})
        body = msgspec.to_builtins({"seq": 0, "fill": fill})
        await tx.execute(insert(Event), {"user_id": user, "account_id": account, "kind": "fill", "body": body})
        await notify(tx, EVENTS, user)


async def rename(database: Database, account: str, name: str) -> None:
    async with database.transaction() as tx:
        await tx.execute(update(Account).where(Account.id == account).values(name=name))
