"""`exchangeInfo`: the venue's rules, told to clients."""

from paper.fixed import DECIMALS, ONE, text
from paper.markets import Market
from paper.orders import OrderType
from paper.payloads import NO_PREVENTION, Json


def symbol_info(market: Market, *, halted: bool = False) -> Json:
    return {
        "symbol": market.symbol,
        "status": "HALT" if halted else "TRADING",
        "baseAsset": market.base,
        "baseAssetPrecision": DECIMALS,
        "quoteAsset": market.quote,
        "quotePrecision": DECIMALS,
        "quoteAssetPrecision": DECIMALS,
        "baseCommissionPrecision": DECIMALS,
        "quoteCommissionPrecision": DECIMALS,
        "orderTypes": [kind.value for kind in OrderType],
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(market),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": NO_PREVENTION,
        "allowedSelfTradePreventionModes": [NO_PREVENTION],
    }


def _filters(market: Market) -> list[Json]:
    up, down = _times(market.percent_up), _times(market.percent_down)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": text(market.price_min),
            "maxPrice": text(market.price_max),
            "tickSize": text(market.price_tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": text(market.lot_step),
            "maxQty": text(market.quantity_max),
            "stepSize": text(market.lot_step),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": text(0),
            "maxQty": text(market.market_quantity_max),
            "stepSize": text(0),
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": market.trailing_delta_min,
            "maxTrailingAboveDelta": market.trailing_delta_max,
            "minTrailingBelowDelta": market.trailing_delta_min,
            "maxTrailingBelowDelta": market.trailing_delta_max,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": up,
            "bidMultiplierDown": down,
            "askMultiplierUp": up,
            "askMultiplierDown": down,
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": text(market.notional_min),
            "applyMinToMarket": True,
            "maxNotional": text(market.notional_max),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": market.orders_max},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": market.conditional_orders_max},
    ]


def _times(factor: int) -> str:
    return str(factor // ONE) if factor % ONE == 0 else text(factor).rstrip("0")
