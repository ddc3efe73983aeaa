"""Exchanges: the venue port, its errors, the ccxt adapter, payload parsing, request budgets.

`port` is what the rest of the product knows of a venue; `venues` opens one, for any exchange that ccxt speaks.
Only this room imports ccxt, and it loads one exchange, never the package's whole list. It imports `trading` and
nothing else of ours.
"""
