"""What an account is told as it happens: each order's news, and its balances after it.

Nothing is told before it is on disk: the messages of a fact wait until the exchange releases them.
"""

import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from paper.accounts import Account
from paper.connections import Connection
from paper.delivery import Message
from paper.errors import Refused
from paper.facts import Fact, FundsMoved, ListAccepted, OrderAccepted, OrderEnded, OrderTriggered, Traded
from paper.orders import CONDITIONAL, Order
from paper.payloads import Json, account_position, balance_update, execution_report, list_report
from paper.state import State

_LISTEN_KEY_LIFE_MS = 60 * 60 * 1000


class Subscription(msgspec.Struct, eq=False):
    connection: Connection
    account: str
    id: int | None
    """Its number on its connection to the WebSocket API, whose events are wrapped; None on a listen key's stream."""


class UserStreams:
    """Who listens to which account. `watch` turns facts into messages, `take` hands over those not sent yet."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._listeners: dict[str, list[Subscription]] = {}
        self._listen_keys: dict[str, tuple[str, int]] = {}
        self._pending: list[Message] = []
        self._encode = msgspec.json.encode
        self._watch: dict[type, Callable[[Any], None]] = {
            OrderAccepted: self._accepted,
            ListAccepted: self._list_accepted,
            OrderTriggered: self._triggered,
            OrderEnded: self._ended,
            Traded: self._traded,
            FundsMoved: self._moved,
        }

    def watch(self, fact: Fact) -> None:
        """To be called with each fact just after it changed the state."""
        if self._listeners:
            watch = self._watch.get(type(fact))
            if watch is not None:
                watch(fact)

    def take(self) -> list[Message]:
        if not self._pending:
            return []
        pending, self._pending = self._pending, []
        return pending

    def listen_key(self, account: Account, now: int) -> str:
        """The account's listen key, new or prolonged."""
        for key, (owner, expires_at) in self._listen_keys.items():
            if owner == account.id and expires_at > now:
                self._listen_keys[key] = (owner, now + _LISTEN_KEY_LIFE_MS)
                return key
        key = secrets.token_urlsafe(48)[:60].replace("_", "x").replace("-", "y")
        self._listen_keys[key] = (account.id, now + _LISTEN_KEY_LIFE_MS)
        return key

    def prolong(self, key: str, now: int) -> None:
        owner = self.owner(key, now)
        if owner is None:
            raise Refused(-1125, "This listenKey does not exist.")
        self._listen_keys[key] = (owner, now + _LISTEN_KEY_LIFE_MS)

    def revoke(self, key: str, now: int) -> None:
        if self.owner(key, now) is None:
            raise Refused(-1125, "This listenKey does not exist.")
        del self._listen_keys[key]

    def owner(self, key: str, now: int) -> str | None:
        """The account that a listen key stands for, while it does."""
        owner, expires_at = self._listen_keys.get(key, ("", 0))
        return owner if expires_at > now else None

    def subscribe(self, connection: Connection, account: str, number: int | None = None) -> Subscription:
        subscription = Subscription(connection, account, number)
        connection.accounts.add(account)
        self._listeners.setdefault(account, []).append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        listeners = self._listeners[subscription.account]
        listeners.remove(subscription)
        subscription.connection.accounts.discard(subscription.account)
        if not listeners:
            del self._listeners[subscription.account]

    def _tell(self, account: str, *events: Json) -> None:
        for subscription in self._listeners.get(account, ()):
            for event in events:
                whole = event if subscription.id is None else {"subscriptionId": subscription.id, "event": event}
                self._pending.append(Message(subscription.connection, account, self._encode(whole)))

    def _news(self, order: Order, report: Json, *more_assets: str) -> None:
        account = self._state.accounts[order.account]
        market = self._state.markets[order.symbol]
        assets = {market.base, market.quote, *more_assets}
        self._tell(order.account, report, account_position(account, assets, report["E"]))

    def _accepted(self, fact: OrderAccepted) -> None:
        if fact.order.account in self._listeners:
            self._news(fact.order, execution_report(fact.order, "NEW", fact.order.placed_at))

    def _list_accepted(self, fact: ListAccepted) -> None:
        if fact.list.account in self._listeners:
            for order in fact.orders:
                self._news(order, execution_report(order, "NEW", order.placed_at))
            self._tell(fact.list.account, list_report(fact.list, list(fact.orders), fact.list.placed_at))

    def _list_done(self, order: Order, at: int) -> None:
        """Tell of the end of a list with the end of its last order."""
        order_list = self._state.lists.get(order.list_id)
        if order_list is not None and not self._state.is_executing(order_list):
            orders = [self._state.orders[order_id] for order_id in order_list.orders]
            self._tell(order.account, list_report(order_list, orders, at))

    def _triggered(self, fact: OrderTriggered) -> None:
        order = self._state.orders[fact.id]
        if order.account in self._listeners and order.type in CONDITIONAL:
            self._news(order, execution_report(order, "NEW", fact.at))

    def _ended(self, fact: OrderEnded) -> None:
        order = self._state.orders[fact.id]
        if order.account in self._listeners:
            self._news(order, execution_report(order, str(fact.status), fact.at))
            self._list_done(order, fact.at)

    def _traded(self, fact: Traded) -> None:
        for order_id in (fact.buy_order, fact.sell_order):
            order = self._state.orders.get(order_id)
            if order is not None and order.account in self._listeners:
                trade = self._state.accounts[order.account].trades_of[order.id][-1]
                self._news(order, execution_report(order, "TRADE", fact.at, trade=trade), trade.fee_asset)
                self._list_done(order, fact.at)

    def _moved(self, fact: FundsMoved) -> None:
        if fact.account in self._listeners:
            account = self._state.accounts[fact.account]
            self._tell(
                fact.account,
                balance_update(fact.asset, fact.amount, fact.at),
                account_position(account, {fact.asset}, fact.at),
            )
