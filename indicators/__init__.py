"""Computes indicators over closed candles, each once for all who ask for it: candles in, `Reading`s out.

The only room that imports talipp. May import `trading`. No I/O: whoever feeds it fetches the candles.
"""
