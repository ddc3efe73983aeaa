"""What a trade costs each side: taken from what it receives, or from its discount asset while that lasts."""

from paper.fixed import ONE, product
from paper.markets import DISCOUNT_ASSET, DISCOUNT_PERCENT, Market
from paper.orders import Order
from paper.state import State

_BRIDGES = ("USDT", "BTC")


class Fees:
    def __init__(self, state: State) -> None:
        self._state = state
        self._pairs = {(market.base, market.quote): market.symbol for market in state.markets.values()}

    def charge(
        self, order: Order | None, market: Market, quantity: int, price: int, *, maker: bool, owed: int = 0
    ) -> tuple[int, str]:
        """The fee of one side and its asset; nothing for the synthetic market. Rounded down to the smallest unit.

        `owed` is what the same account already pays in the discount asset for the other side of this trade.
        """
        if order is None:
            return 0, ""
        rate = market.maker_fee if maker else market.taker_fee
        asset, received = (market.base, quantity) if order.buy else (market.quote, product(price, quantity))
        account = self._state.accounts[order.account]
        if account.discount and rate:
            worth = self._in_discount_asset(asset, received)
            if worth:
                fee = product(worth, rate) * (100 - DISCOUNT_PERCENT) // 100
                if 0 < fee <= account.free(DISCOUNT_ASSET) - owed:
                    return fee, DISCOUNT_ASSET
        return product(received, rate), asset

    def _in_discount_asset(self, asset: str, amount: int) -> int | None:
        if asset == DISCOUNT_ASSET:
            return amount
        for bridge in _BRIDGES:
            price, discount_price = self._price(asset, bridge), self._price(DISCOUNT_ASSET, bridge)
            if price and discount_price:
                return amount * price // discount_price
        return None

    def _price(self, asset: str, quote: str) -> int | None:
        if asset == quote:
            return ONE
        symbol = self._pairs.get((asset, quote))
        return self._state.last_price[symbol] if symbol is not None else None
