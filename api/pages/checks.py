"""Why is it not trading: what could keep it from it, in the order in which one would look. Nothing is changed."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from api.accounts.schemas import Account
from api.pages.texts import Texts
from storage.controls import ControlRecord
from storage.fleet import PLATFORM
from storage.holdings import Holdings
from storage.reads import DecisionRead
from trading.events import Control
from trading.guard import day_of
from trading.ids import Symbol

REFUSAL_AGE_MAX = timedelta(minutes=10)


class Finding(StrEnum):
    CLEAR = "clear"
    BLOCKS = "blocks"
    LIMITS = "limits"
    """It trades, and not as much as it would."""
    UNKNOWN = "unknown"
    """Cannot be told: never counted as clear."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    finding: Finding
    text: str
    values: Mapping[str, Any] = {}
    link: str = ""

    def said(self, say: Texts) -> str:
        return say(self.text, **self.values) if self.text else ""


def headline(checks: Sequence[Check]) -> Check | None:
    """The first thing found; None when nothing is in the way: then the strategy is simply waiting."""
    for wanted in (Finding.BLOCKS, Finding.UNKNOWN, Finding.LIMITS):
        for check in checks:
            if check.finding is wanted:
                return check
    return None


def checks_of(  # noqa: PLR0917  (all that there is to look at)
    account: Account,
    holdings: Holdings | None,
    decisions: Sequence[DecisionRead],
    controls: Sequence[ControlRecord],
    prices: Mapping[Symbol, Decimal],
    symbols: Sequence[Symbol],
    now: datetime,
) -> list[Check]:
    base = f"/accounts/{account.id}"
    return [
        _check("Exchange key", account.key_last4 is None, "There is no exchange key.", f"{base}/keys"),
        _check("Strategy", account.strategy is None, "No strategy is chosen.", f"{base}/strategy"),
        _wish(account),
        _switches(account, controls),
        _state(account),
        _heartbeat(account),
        _guard(account, holdings, now),
        _prices(account, prices, symbols),
        _refusals(decisions, now),
    ]


def _check(name: str, found: bool, text: str, link: str = "") -> Check:
    finding = Finding.BLOCKS if found else Finding.CLEAR
    return Check(name=name, finding=finding, text=text if found else "", link=link if found else "")


def _wish(account: Account) -> Check:
    texts = {"stopped": "It is told to be stopped: start it.", "paused": "It is paused: it takes on nothing new."}
    wish = account.desired_state
    return _check("Your wish", wish in texts, texts.get(wish, ""))


def _switches(account: Account, controls: Sequence[ControlRecord]) -> Check:
    shut = [control for control in controls if control.state is not Control.ACTIVE]
    if not shut:
        return _check("Switches", False, "")
    worst = max(shut, key=lambda control: control.state is Control.HALTED)
    where = {PLATFORM: "the whole platform", account.id: "this account"}.get(
        worst.scope, worst.scope.partition("/")[2] or "all of your accounts"
    )
    halted = worst.state is Control.HALTED
    return Check(
        name="Switches",
        finding=Finding.BLOCKS if halted else Finding.LIMITS,
        text="Trading is halted over {where}: {reason}" if halted else "Only exits are allowed over {where}: {reason}",
        values={"where": where, "reason": worst.reason},
    )


def _state(account: Account) -> Check:
    state, reason = account.status.state, account.status.reason
    if state == "quarantined":
        return Check(
            name="Quarantine", finding=Finding.BLOCKS, text="It is quarantined: {reason}", values={"reason": reason}
        )
    return _check("Quarantine", False, "")


def _heartbeat(account: Account) -> Check:
    if account.desired_state == "stopped":
        return _check("Heartbeat", False, "")
    if account.status.stale:
        return Check(name="Heartbeat", finding=Finding.UNKNOWN, text="Nothing was heard of its trader lately.")
    if account.status.state not in {"running", "paused"}:
        text = "Its trader is {state}."
        return Check(name="Heartbeat", finding=Finding.LIMITS, text=text, values={"state": account.status.state})
    return _check("Heartbeat", False, "")


def _guard(account: Account, holdings: Holdings | None, now: datetime) -> Check:
    if holdings is None:
        return _check("Loss limits", False, "")
    watch = holdings.watch
    if watch.reduce_only_day and watch.reduce_only_day == day_of(now, ZoneInfo(account.time_zone)):
        text = "The day's loss limit is reached: no entry until midnight in {zone}."
        return Check(name="Loss limits", finding=Finding.BLOCKS, text=text, values={"zone": account.time_zone})
    if watch.cool_until is not None and watch.cool_until > now:
        return _check("Loss limits", True, "It cools down after several losses in a row.")
    return _check("Loss limits", False, "")


def _prices(account: Account, prices: Mapping[Symbol, Decimal], symbols: Sequence[Symbol]) -> Check:
    missing = [symbol for symbol in symbols if symbol not in prices]
    if account.desired_state == "stopped" or not missing:
        return _check("Prices", False, "")
    text = "No recent price was recorded for {symbols}."
    return Check(name="Prices", finding=Finding.UNKNOWN, text=text, values={"symbols": ", ".join(missing)})


def _refusals(decisions: Sequence[DecisionRead], now: datetime) -> Check:
    refused = next((line for line in decisions if line.kind == "refused" and now - line.at < REFUSAL_AGE_MAX), None)
    if refused is None:
        return _check("Risk", False, "")
    text = "Risk refused an order on {symbol}: {reason}"
    values = {"symbol": refused.symbol or "", "reason": refused.reason}
    return Check(name="Risk", finding=Finding.LIMITS, text=text, values=values, link="#decisions")
