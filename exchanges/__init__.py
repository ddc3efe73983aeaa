"""Exchanges: the venue port, its errors, the ccxt adapter, payload parsing, request budgets.

`port` is what the rest of the product knows of a venue, `errors` what can go wrong there; `venues` is the way in, for
any exchange that ccxt speaks. Behind it, `account` and `public` fulfil the port, `user_stream` and `quote_stream` its
streams, `payloads` reads what ccxt says into our types. `client` is ccxt itself, taken over at its seams; `verdicts`
judges what an answer means. Every request passes the `line`, where `budget` and `breaker` decide whether it may leave.

Only this room imports ccxt, and it loads one exchange, never the package's whole list. It imports `trading` and
nothing else of ours.
"""
