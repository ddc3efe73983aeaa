"""Trading, pure: money, orders, fills, books, risk, reconcile, decide, strategies.

Nothing in this room does I/O, reads a clock or the environment, or draws a random number: time and ids are
arguments. It imports nothing of ours, and every other room may import it.

Start with `orders` (the life of an order), then `decide` (what a trader does with one event).
"""
