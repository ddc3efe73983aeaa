"""The venue's JSON: how orders, trades and balances look to a client."""

from typing import Any

from paper.accounts import Account, AccountTrade
from paper.fixed import text
from paper.orders import OPEN, Order, OrderList
from paper.state import State

Json = dict[str, Any]

NO_PREVENTION = "NONE"
"""Self-trade prevention is not kept here: an account may trade with itself."""


def order_result(order: Order) -> Json:
    """The part that every answer about an order has in common."""
    result: Json = {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        "price": text(order.price),
        "origQty": text(order.quantity),
        "executedQty": text(order.filled),
        "origQuoteOrderQty": text(order.quote_quantity),
        "cummulativeQuoteQty": text(order.quote_filled),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
        "selfTradePreventionMode": NO_PREVENTION,
    }
    if order.stop_price:
        result["stopPrice"] = text(order.stop_price)
    if order.trailing_delta:
        result["trailingDelta"] = order.trailing_delta
        result["trailingTime"] = order.trailing_since or -1
    if order.expiry_reason:
        result["expiryReason"] = order.expiry_reason
    return result


def order_placed(order: Order, detail: str, fills: list[AccountTrade]) -> Json:
    """The answer to placing it, as brief or full as was asked for."""
    if detail == "ACK":
        return {
            "symbol": order.symbol,
            "orderId": order.id,
            "orderListId": order.list_id,
            "clientOrderId": order.client_id,
            "transactTime": order.placed_at,
        }
    answer = order_result(order)
    answer["transactTime"] = order.placed_at
    answer["workingTime"] = order.working_at or -1
    if detail == "FULL":
        answer["fills"] = [
            {
                "price": text(fill.price),
                "qty": text(fill.quantity),
                "commission": text(fill.fee),
                "commissionAsset": fill.fee_asset,
                "tradeId": fill.id,
            }
            for fill in fills
        ]
    return answer


def order_cancelled(order: Order) -> Json:
    answer = order_result(order)
    answer["origClientOrderId"] = order.client_id
    answer["clientOrderId"] = order.cancel_id
    answer["transactTime"] = order.updated_at
    return answer


def order_status(order: Order) -> Json:
    return order_result(order) | {
        "stopPrice": text(order.stop_price),
        "icebergQty": text(0),
        "time": order.placed_at,
        "updateTime": order.updated_at,
        "isWorking": order.working_at > 0,
        "workingTime": order.working_at or -1,
    }


def account_trade(trade: AccountTrade) -> Json:
    return {
        "symbol": trade.symbol,
        "id": trade.id,
        "orderId": trade.order_id,
        "orderListId": -1,
        "price": text(trade.price),
        "qty": text(trade.quantity),
        "quoteQty": text(trade.quote),
        "commission": text(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": trade.at,
        "isBuyer": trade.buy,
        "isMaker": trade.maker,
        "isBestMatch": True,
    }


def balances(account: Account, *, omit_zero: bool = False) -> list[Json]:
    return [
        {"asset": asset, "free": text(balance.free), "locked": text(balance.locked)}
        for asset, balance in sorted(account.balances.items())
        if not omit_zero or balance.free or balance.locked
    ]


def execution_report(order: Order, kind: str, at: int, *, trade: AccountTrade | None = None) -> Json:
    """What the user stream says of an order. `kind` is NEW, TRADE, CANCELED or EXPIRED."""
    cancelled = kind == "CANCELED"
    return {
        "e": "executionReport",
        "E": at,
        "s": order.symbol,
        "c": order.cancel_id if cancelled else order.client_id,
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": text(order.quantity),
        "p": text(order.price),
        "P": text(order.stop_price),
        "F": text(0),
        "g": order.list_id,
        "C": order.client_id if cancelled else "",
        "x": kind,
        "X": order.status,
        "r": "NONE",
        "i": order.id,
        "l": text(trade.quantity if trade else 0),
        "z": text(order.filled),
        "L": text(trade.price if trade else 0),
        "n": text(trade.fee) if trade else "0",
        "N": trade.fee_asset if trade else None,
        "T": at,
        "t": trade.id if trade else -1,
        "I": order.id * 2,
        "w": order.status in OPEN and order.working_at > 0,
        "m": trade.maker if trade else False,
        "M": False,
        "O": order.placed_at,
        "Z": text(order.quote_filled),
        "Y": text(trade.quote if trade else 0),
        "Q": text(order.quote_quantity),
        "V": NO_PREVENTION,
        **_report_conditions(order),
    }


def _report_conditions(order: Order) -> Json:
    conditions: Json = {}
    if order.working_at:
        conditions["W"] = order.working_at
    if order.trailing_delta:
        conditions |= {"d": order.trailing_delta, "D": order.trailing_since or -1}
    if order.expiry_reason:
        conditions["eR"] = order.expiry_reason
    return conditions


def list_status(order_list: OrderList, orders: list[Order]) -> Json:
    """How an order list stands, as every answer about it begins."""
    executing = any(order.is_open for order in orders)
    return {
        "orderListId": order_list.id,
        "contingencyType": "OCO",
        "listStatusType": "EXEC_STARTED" if executing else "ALL_DONE",
        "listOrderStatus": "EXECUTING" if executing else "ALL_DONE",
        "listClientOrderId": order_list.client_id,
        "transactionTime": max(order.updated_at for order in orders),
        "symbol": order_list.symbol,
        "orders": [{"symbol": order.symbol, "orderId": order.id, "clientOrderId": order.client_id} for order in orders],
    }


def list_cancelled(state: State, order_list: OrderList) -> Json:
    orders = [state.orders[order_id] for order_id in order_list.orders]
    return list_status(order_list, orders) | {"orderReports": [order_cancelled(order) for order in orders]}


def list_report(order_list: OrderList, orders: list[Order], at: int) -> Json:
    """What the user stream says of an order list."""
    status = list_status(order_list, orders)
    return {
        "e": "listStatus",
        "E": at,
        "s": order_list.symbol,
        "g": order_list.id,
        "c": "OCO",
        "l": status["listStatusType"],
        "L": status["listOrderStatus"],
        "r": "NONE",
        "C": order_list.client_id,
        "T": at,
        "O": [{"s": order.symbol, "i": order.id, "c": order.client_id} for order in orders],
    }


def account_position(account: Account, assets: set[str], at: int) -> Json:
    """What the user stream says of balances, after they changed."""
    return {
        "e": "outboundAccountPosition",
        "E": at,
        "u": account.updated_at,
        "B": [
            {"a": asset, "f": text(account.balance(asset).free), "l": text(account.balance(asset).locked)}
            for asset in sorted(assets)
        ],
    }


def balance_update(asset: str, amount: int, at: int) -> Json:
    """What the user stream says of a deposit or a withdrawal."""
    return {"e": "balanceUpdate", "E": at, "a": asset, "d": text(amount), "T": at}
