"""The account over REST and the WebSocket API: balances, trades, fees."""

from paper.endpoints import Access, Endpoint, Methods, Routes
from paper.fixed import ONE, text
from paper.limits import Limiter
from paper.markets import DISCOUNT_ASSET, DISCOUNT_PERCENT
from paper.payloads import Json, account_trade, balances
from paper.requests import Request, period
from paper.venue import Venue


class AccountDesk:
    def __init__(self, venue: Venue, limiter: Limiter) -> None:
        self._venue = venue
        self._limiter = limiter

    def routes(self) -> Routes:
        return {
            ("GET", "/api/v3/account"): Endpoint(self.account, Access.SIGNED, weight=20),
            ("GET", "/api/v3/myTrades"): Endpoint(self.trades, Access.SIGNED, weight=_trades_weight),
            ("GET", "/api/v3/rateLimit/order"): Endpoint(self.order_limits, Access.SIGNED, weight=40),
            ("GET", "/api/v3/account/commission"): Endpoint(self.commission, Access.SIGNED, weight=20),
        }

    def methods(self) -> Methods:
        routes = self.routes()
        return {
            "account.status": routes["GET", "/api/v3/account"],
            "myTrades": routes["GET", "/api/v3/myTrades"],
            "account.rateLimits.orders": routes["GET", "/api/v3/rateLimit/order"],
            "account.commission": routes["GET", "/api/v3/account/commission"],
        }

    def account(self, request: Request) -> Json:
        account, key = request.account, request.key
        market = next(iter(self._venue.state.markets.values()))
        assert key is not None
        return {
            "makerCommission": market.maker_fee * 10_000 // ONE,
            "takerCommission": market.taker_fee * 10_000 // ONE,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {
                "maker": text(market.maker_fee),
                "taker": text(market.taker_fee),
                "buyer": text(0),
                "seller": text(0),
            },
            "canTrade": key.trade,
            "canWithdraw": key.withdraw,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": account.updated_at,
            "accountType": "SPOT",
            "balances": balances(account, omit_zero=request.flag("omitZeroBalances")),
            "permissions": ["SPOT"],
            "uid": account.uid,
        }

    def trades(self, request: Request) -> list[Json]:
        symbol = request.text("symbol")
        self._venue.pit(symbol)
        order_id = request.optional_integer("orderId")
        first, start, end = (request.optional_integer("fromId"), *period(request))
        source = request.account.trades if order_id is None else request.account.trades_of.get(order_id, [])
        chosen = [
            trade
            for trade in source
            if trade.symbol == symbol
            and (first is None or trade.id >= first)
            and (start is None or trade.at >= start)
            and (end is None or trade.at <= end)
        ]
        limit = request.limit(500, 1000)
        from_oldest = first is not None or start is not None
        return [account_trade(trade) for trade in (chosen[:limit] if from_oldest else chosen[-limit:])]

    def order_limits(self, request: Request) -> list[Json]:
        return self._limiter.order_report(request.account.id, request.now)

    def commission(self, request: Request) -> Json:
        market = self._venue.pit(request.text("symbol")).market
        nothing = {"maker": text(0), "taker": text(0), "buyer": text(0), "seller": text(0)}
        return {
            "symbol": market.symbol,
            "standardCommission": nothing | {"maker": text(market.maker_fee), "taker": text(market.taker_fee)},
            "specialCommission": nothing,
            "taxCommission": nothing,
            "discount": {
                "enabledForAccount": request.account.discount,
                "enabledForSymbol": True,
                "discountAsset": DISCOUNT_ASSET,
                "discount": text(ONE * (100 - DISCOUNT_PERCENT) // 100),
            },
        }


def _trades_weight(request: Request) -> int:
    return 5 if request.params.get("orderId") else 20
