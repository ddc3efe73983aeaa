"""The wallet's calls (`sapi`) that clients make around spot trading: coins, fees, and what a key may do.

Futures and margin do not exist here; who asks for their markets, as ccxt does when it loads, is told that there are
none.
"""

from datetime import UTC, datetime
from typing import Any

from paper.endpoints import Access, Endpoint, Routes
from paper.facts import FundsMoved
from paper.fixed import text
from paper.payloads import Json
from paper.requests import Request, period
from paper.venue import Venue


class WalletDesk:
    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def routes(self) -> Routes:
        signed = Access.SIGNED
        return {
            ("GET", "/sapi/v1/system/status"): Endpoint(self.system_status),
            ("GET", "/sapi/v1/capital/config/getall"): Endpoint(self.coins, signed, weight=10),
            ("GET", "/sapi/v1/capital/deposit/hisrec"): Endpoint(self.deposits, signed),
            ("GET", "/sapi/v1/capital/withdraw/history"): Endpoint(self.withdrawals, signed),
            ("GET", "/sapi/v1/bnbBurn"): Endpoint(self.discount, signed),
            ("GET", "/sapi/v1/asset/tradeFee"): Endpoint(self.fees, signed),
            ("GET", "/sapi/v1/account/apiRestrictions"): Endpoint(self.restrictions, signed),
            ("GET", "/sapi/v1/account/status"): Endpoint(self.account_status, signed),
            ("GET", "/sapi/v1/account/apiTradingStatus"): Endpoint(self.trading_status, signed),
            ("GET", "/sapi/v1/account/info"): Endpoint(self.account_info, signed),
            ("GET", "/sapi/v1/margin/allPairs"): Endpoint(self.nothing, Access.KEY),
            ("GET", "/sapi/v1/margin/isolated/allPairs"): Endpoint(self.nothing, Access.KEY),
            ("GET", "/fapi/v1/exchangeInfo"): Endpoint(self.no_markets),
            ("GET", "/dapi/v1/exchangeInfo"): Endpoint(self.no_markets),
        }

    def system_status(self, _request: Request) -> Json:
        return {"status": 0, "msg": "normal"}

    def coins(self, request: Request) -> list[Json]:
        markets = self._venue.state.markets.values()
        assets = sorted({asset for market in markets for asset in (market.base, market.quote)})
        return [self._coin(asset, request) for asset in assets]

    def _coin(self, asset: str, request: Request) -> Json:
        balance = request.account.balances.get(asset)
        return {
            "coin": asset,
            "name": asset,
            "depositAllEnable": True,
            "withdrawAllEnable": True,
            "free": text(balance.free if balance else 0),
            "locked": text(balance.locked if balance else 0),
            "freeze": "0",
            "withdrawing": "0",
            "ipoing": "0",
            "ipoable": "0",
            "storage": "0",
            "isLegalMoney": False,
            "trading": True,
            "networkList": [],
        }

    def deposits(self, request: Request) -> list[Json]:
        return [
            {
                "id": str(moved.id),
                "amount": text(moved.amount),
                "coin": moved.asset,
                "network": moved.asset,
                "status": 1,
                "address": "paper",
                "addressTag": "",
                "txId": f"paper-{moved.id}",
                "insertTime": moved.at,
                "transferType": 1,
                "confirmTimes": "1/1",
                "unlockConfirm": 1,
                "walletType": 0,
            }
            for moved in self._transfers(request)
            if moved.amount > 0
        ]

    def withdrawals(self, request: Request) -> list[Json]:
        return [
            {
                "id": str(moved.id),
                "amount": text(-moved.amount),
                "transactionFee": "0",
                "coin": moved.asset,
                "network": moved.asset,
                "status": 6,
                "address": "paper",
                "txId": f"paper-{moved.id}",
                "applyTime": f"{datetime.fromtimestamp(moved.at / 1000, UTC):%Y-%m-%d %H:%M:%S}",
                "transferType": 1,
                "confirmNo": 1,
                "walletType": 0,
            }
            for moved in self._transfers(request)
            if moved.amount < 0
        ]

    def _transfers(self, request: Request) -> list[FundsMoved]:
        coin, (start, end) = request.params.get("coin"), period(request)
        return [
            moved
            for moved in reversed(self._venue.state.transfers)
            if moved.account == request.account.id
            and coin in {None, "", moved.asset}
            and (start is None or moved.at >= start)
            and (end is None or moved.at <= end)
        ]

    def discount(self, request: Request) -> Json:
        return {"spotBNBBurn": request.account.discount, "interestBNBBurn": False}

    def fees(self, request: Request) -> list[Json]:
        symbol = request.params.get("symbol")
        markets = [self._venue.pit(symbol).market] if symbol else self._venue.state.markets.values()
        return [
            {
                "symbol": market.symbol,
                "makerCommission": text(market.maker_fee),
                "takerCommission": text(market.taker_fee),
            }
            for market in markets
        ]

    def restrictions(self, request: Request) -> Json:
        key = request.key
        assert key is not None
        return {
            "ipRestrict": bool(key.addresses),
            "createTime": key.created_at,
            "enableReading": True,
            "enableWithdrawals": key.withdraw,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": False,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": key.trade,
            "enablePortfolioMarginTrading": False,
        }

    def account_status(self, _request: Request) -> Json:
        return {"data": "Normal"}

    def trading_status(self, request: Request) -> Json:
        return {
            "data": {
                "isLocked": False,
                "plannedRecoverTime": 0,
                "triggerCondition": {"GCR": 150, "IFER": 150, "UFR": 300},
                "updateTime": request.account.updated_at,
            }
        }

    def account_info(self, _request: Request) -> Json:
        return {"vipLevel": 0, "isMarginEnabled": False, "isFutureEnabled": False, "isOptionsEnabled": False}

    def nothing(self, _request: Request) -> list[Any]:
        return []

    def no_markets(self, request: Request) -> Json:
        return {"timezone": "UTC", "serverTime": request.now, "rateLimits": [], "exchangeFilters": [], "symbols": []}
