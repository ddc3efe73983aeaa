"""Orders in the database: intended before they are sent, then changed by news alone.

`intents` writes what is about to be sent, `record` takes what the venue says and numbers it, `changes` is the pure
rule between the two, `snapshots` says everything again to whoever starts. The caller says when a transaction begins
and ends; nothing here is true for anybody else before that.
"""

from storage.orders.checkpoints import save_checkpoint
from storage.orders.cursors import first_trade, mark_trades_read, newest_seq, trades_read
from storage.orders.intents import Fenced, Forbidden, Intended, intend
from storage.orders.news import OrderNews
from storage.orders.record import record
from storage.orders.snapshots import SnapshotParts, snapshot_parts, unsettled

__all__ = [
    "Fenced",
    "Forbidden",
    "Intended",
    "OrderNews",
    "SnapshotParts",
    "first_trade",
    "intend",
    "mark_trades_read",
    "newest_seq",
    "record",
    "save_checkpoint",
    "snapshot_parts",
    "trades_read",
    "unsettled",
]
