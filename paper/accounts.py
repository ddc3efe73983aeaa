"""An account: what it holds, what it ordered, what it traded."""

import msgspec

from paper.orders import Order, OrderList


class Balance:
    __slots__ = ("free", "locked")

    def __init__(self) -> None:
        self.free = 0
        self.locked = 0


class AccountTrade(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One trade as one of its sides sees it."""

    symbol: str
    id: int
    order_id: int
    client_id: str
    price: int
    quantity: int
    quote: int
    fee: int
    fee_asset: str
    buy: bool
    maker: bool
    at: int


class Account:
    """Everything of one account. Changed only by `state.State.apply`."""

    def __init__(self, *, id: str, uid: int, opened_at: int, discount: bool) -> None:  # noqa: A002
        self.id = id
        self.uid = uid
        self.discount = discount
        self.updated_at = opened_at
        self.balances: dict[str, Balance] = {}
        self.orders: dict[int, Order] = {}
        self.open_orders: dict[int, Order] = {}
        self.by_client_id: dict[tuple[str, str], Order] = {}
        """By symbol and client id, the newest order of that name: names are unique among open orders only."""
        self.lists: dict[int, OrderList] = {}
        self.trades: list[AccountTrade] = []
        self.trades_of: dict[int, list[AccountTrade]] = {}
        """By order."""

    def balance(self, asset: str) -> Balance:
        balance = self.balances.get(asset)
        if balance is None:
            balance = self.balances[asset] = Balance()
        return balance

    def free(self, asset: str) -> int:
        balance = self.balances.get(asset)
        return balance.free if balance is not None else 0
