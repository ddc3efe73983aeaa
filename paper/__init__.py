"""The paper exchange: a server that speaks Binance's spot protocol, with a matching engine of its own.

`matching` is pure (no I/O, no clock, deterministic under a seed): the backtester runs on the same code. `server` puts
it on the wire. Imports `trading` and nothing else of ours.
"""
