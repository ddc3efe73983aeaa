"""The venue's memory: what the facts so far add up to. Decides nothing; the same facts always give the same state."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from paper.accounts import Account, AccountTrade
from paper.facts import (
    AccountOpened,
    Fact,
    FundsMoved,
    Key,
    KeyIssued,
    KeyRevoked,
    ListAccepted,
    MarketMoved,
    MinuteClosed,
    Opened,
    OrderAccepted,
    OrderEnded,
    OrderRevived,
    OrderTriggered,
    StopTrailed,
    Traded,
)
from paper.fixed import product
from paper.markets import Market
from paper.orders import CONDITIONAL, Order, OrderList, Status
from paper.tape import Tape


class State:
    """Accounts, keys, orders and trades. Money is conserved: for each asset, what all accounts hold, with what the
    house gained or lost and the fees taken, equals what was deposited less what was withdrawn."""

    def __init__(self, markets: Iterable[Market]) -> None:
        self.markets = {market.symbol: market for market in markets}
        self.accounts: dict[str, Account] = {}
        self.keys: dict[str, Key] = {}
        self.orders: dict[int, Order] = {}
        self.lists: dict[int, OrderList] = {}
        self.transfers: list[FundsMoved] = []
        self.house: defaultdict[str, int] = defaultdict(int)
        self.fees: defaultdict[str, int] = defaultdict(int)
        self.last_price = {market.symbol: market.start_price for market in self.markets.values()}
        self.next_trade_id = dict.fromkeys(self.markets, 1)
        self.next_order_id = 1
        self.opened: Opened | None = None
        self.step = 0
        self.feed_memory: tuple[int, tuple[float, ...]] = (0, ())
        """The last step at which the feed's memory was kept, and that memory."""
        self.minutes = {symbol: Tape.history() for symbol in self.markets}
        self._apply: dict[type, Callable[[Any], None]] = {
            Opened: self._open,
            AccountOpened: self._open_account,
            KeyIssued: self._issue_key,
            KeyRevoked: self._revoke_key,
            FundsMoved: self._move_funds,
            OrderAccepted: self._accept,
            ListAccepted: self._accept_list,
            StopTrailed: self._trail,
            OrderTriggered: self._trigger_order,
            OrderEnded: self._end_order,
            OrderRevived: self._revive_order,
            Traded: self._trade,
            MarketMoved: self._move_market,
            MinuteClosed: self._close_minute,
        }

    def apply(self, fact: Fact) -> None:
        self._apply[type(fact)](fact)

    def is_executing(self, order_list: OrderList) -> bool:
        return any(self.orders[order_id].is_open for order_id in order_list.orders)

    def print_trade(self, symbol: str, trade_id: int, price: int) -> None:
        """A trade in which no account had a part: only the number and the price of it are kept."""
        self.next_trade_id[symbol] = trade_id + 1
        self.last_price[symbol] = price

    def spends(self, order: Order) -> str:
        market = self.markets[order.symbol]
        return market.quote if order.buy else market.base

    def _open(self, fact: Opened) -> None:
        self.opened = fact

    def _open_account(self, fact: AccountOpened) -> None:
        self.accounts[fact.account] = Account(id=fact.account, uid=fact.uid, opened_at=fact.at, discount=fact.discount)

    def _issue_key(self, fact: KeyIssued) -> None:
        self.keys[fact.key.key] = fact.key

    def _revoke_key(self, fact: KeyRevoked) -> None:
        del self.keys[fact.key]

    def _move_funds(self, fact: FundsMoved) -> None:
        account = self.accounts[fact.account]
        account.balance(fact.asset).free += fact.amount
        account.updated_at = fact.at
        self.transfers.append(fact)

    def _accept(self, fact: OrderAccepted) -> None:
        self._accept_order(fact.order)

    def _accept_list(self, fact: ListAccepted) -> None:
        self.lists[fact.list.id] = self.accounts[fact.list.account].lists[fact.list.id] = fact.list
        for order in fact.orders:
            self._accept_order(order)

    def _accept_order(self, order: Order) -> None:
        account = self.accounts[order.account]
        self.orders[order.id] = account.orders[order.id] = account.open_orders[order.id] = order
        account.by_client_id[order.symbol, order.client_id] = order
        self.next_order_id = order.id + 1
        order.updated_at = account.updated_at = order.placed_at
        if order.type not in CONDITIONAL:
            order.working_at = order.placed_at
        if order.extreme:
            order.trailing_since = order.placed_at
        self._lock(account, order, order.locked)

    def _trigger_order(self, fact: OrderTriggered) -> None:
        order = self.orders[fact.id]
        order.working_at = order.updated_at = fact.at
        extra = fact.locked - order.locked
        order.locked = fact.locked
        self._lock(self.accounts[order.account], order, extra)

    def _trail(self, fact: StopTrailed) -> None:
        order = self.orders[fact.id]
        order.extreme = fact.extreme
        order.trailing_since = order.trailing_since or fact.at

    def _end_order(self, fact: OrderEnded) -> None:
        order = self.orders[fact.id]
        order.expiry_reason = fact.reason
        order.status = fact.status
        order.cancel_id = fact.cancel_id
        order.updated_at = fact.at
        self._close(self.accounts[order.account], order)

    def _revive_order(self, fact: OrderRevived) -> None:
        order = self.orders[fact.id]
        account = self.accounts[order.account]
        order.status = Status.PARTIALLY_FILLED if order.filled else Status.NEW
        order.locked = fact.locked
        account.open_orders[order.id] = order
        self._lock(account, order, fact.locked)

    def _trade(self, fact: Traded) -> None:
        market = self.markets[fact.symbol]
        quote = product(fact.price, fact.quantity)
        if fact.buy_order:
            self._fill(self.orders[fact.buy_order], fact, market, quote)
        else:
            self.house[market.base] += fact.quantity
            self.house[market.quote] -= quote
        if fact.sell_order:
            self._fill(self.orders[fact.sell_order], fact, market, quote)
        else:
            self.house[market.base] -= fact.quantity
            self.house[market.quote] += quote
        self.last_price[fact.symbol] = fact.price
        self.next_trade_id[fact.symbol] = fact.id + 1

    def _fill(self, order: Order, fact: Traded, market: Market, quote: int) -> None:
        account = self.accounts[order.account]
        if order.buy:
            got, got_amount, gave, gave_amount = market.base, fact.quantity, market.quote, quote
            fee, fee_asset = fact.buy_fee, fact.buy_fee_asset
        else:
            got, got_amount, gave, gave_amount = market.quote, quote, market.base, fact.quantity
            fee, fee_asset = fact.sell_fee, fact.sell_fee_asset
        account.balance(got).free += got_amount
        account.balance(fee_asset).free -= fee
        self.fees[fee_asset] += fee
        account.balance(gave).locked -= gave_amount
        order.locked -= gave_amount
        order.filled += fact.quantity
        order.quote_filled += quote
        order.updated_at = account.updated_at = fact.at
        if order.buy and order.limit is not None:
            # Locked at its limit, filled at better: the difference is free again.
            surplus = order.locked - order.cost_at_limit(order.remaining)
            order.locked -= surplus
            self._lock(account, order, -surplus)
        trade = AccountTrade(
            symbol=fact.symbol,
            id=fact.id,
            order_id=order.id,
            client_id=order.client_id,
            price=fact.price,
            quantity=fact.quantity,
            quote=quote,
            fee=fee,
            fee_asset=fee_asset,
            buy=order.buy,
            maker=fact.buyer_maker == order.buy,
            at=fact.at,
        )
        account.trades.append(trade)
        account.trades_of.setdefault(order.id, []).append(trade)
        if order.filled < order.quantity:
            order.status = Status.PARTIALLY_FILLED
        else:
            order.status = Status.FILLED
            self._close(account, order)

    def _close(self, account: Account, order: Order) -> None:
        self._lock(account, order, -order.locked)
        order.locked = 0
        account.updated_at = order.updated_at
        del account.open_orders[order.id]

    def _lock(self, account: Account, order: Order, amount: int) -> None:
        balance = account.balance(self.spends(order))
        balance.free -= amount
        balance.locked += amount

    def _move_market(self, fact: MarketMoved) -> None:
        self.step = fact.step
        if fact.feed:
            self.feed_memory = (fact.step, fact.feed)
        for symbol, (price, trade_id) in fact.markets.items():
            if symbol in self.markets:
                self.last_price[symbol] = price
                self.next_trade_id[symbol] = trade_id

    def _close_minute(self, fact: MinuteClosed) -> None:
        if fact.symbol in self.markets:
            self.minutes[fact.symbol].append(fact.candle)
