"""Before an order is sent, it is written down. This is the gate that every order passes, and the hottest path."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.errors import StorageError
from storage.orders.rows import known_order, select_orders
from storage.tables import OrderIntent
from trading.events import Checkpoint, Control
from trading.ids import AccountId, ClientOrderId, Epoch, UserId
from trading.orders import ApprovedOrder, Order, Purpose


class Fenced(StorageError):
    """Another trader holds the account's lease, or nobody does: whoever asked must stop."""


class Forbidden(StorageError):
    """A person has switched this off. Nothing of the batch was written."""

    def __init__(self, scope: str, control: Control, reason: str) -> None:
        super().__init__(f"{scope} is {control}" + (f": {reason}" if reason else ""))
        self.scope = scope
        self.control = control

    def forbids(self, order: ApprovedOrder) -> bool:
        """Whether it was this order that it struck: the rest may go."""
        over_symbol = self.scope.partition("/")[2]
        if over_symbol not in ("", order.symbol):
            return False
        return self.control is not Control.REDUCE_ONLY or order.purpose is Purpose.ENTRY


class Intended(msgspec.Struct, frozen=True, kw_only=True):
    new: frozenset[ClientOrderId]
    """Written just now: to be sent once this is committed."""
    known: Mapping[ClientOrderId, Order]
    """Written before, so perhaps sent before: never to be sent again."""


# One statement, so that nothing happens between the checks and the writing, and one round trip. It takes the orders
# as JSON, whose fields are those of `ApprovedOrder`. The lease's row is locked, so that no grant overtakes the commit.
INTEND = text("""
    WITH lease AS MATERIALIZED (
        SELECT FROM account_leases
        WHERE account_id = :account AND epoch = :epoch AND expires_at > clock_timestamp()
        FOR SHARE
    ), wanted AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:orders AS jsonb)) AS o (
            client_order_id text, run text, slot text, cycle bigint, attempt bigint, symbol text, side text,
            kind text, purpose text, quantity numeric, price numeric, reason text)
    ), forbidding AS MATERIALIZED (
        SELECT c.scope, c.state, c.reason FROM wanted w
        JOIN controls c ON c.scope = ANY (ARRAY['*', :user, :account, :account || '/' || w.symbol])
        WHERE c.state = 'halted' OR (c.state = 'reduce_only' AND w.purpose = 'entry')
        ORDER BY c.state LIMIT 1
    ), gate AS MATERIALIZED (
        SELECT FROM lease WHERE NOT EXISTS (SELECT FROM forbidding)
    ), intents AS (
        INSERT INTO order_intents (account_id, user_id, epoch, intended_at, client_order_id, run_id, slot, cycle,
            attempt, symbol, side, kind, purpose, quantity, price, reason)
        SELECT :account, :user, :epoch, :at, client_order_id, run, slot, cycle,
            attempt, symbol, side, kind, purpose, quantity, price, reason
        FROM gate, wanted ON CONFLICT DO NOTHING RETURNING client_order_id
    ), outcomes AS (
        INSERT INTO orders (account_id, user_id, client_order_id, state)
        SELECT :account, :user, client_order_id, 'intended' FROM intents
    ), memory AS (
        UPDATE runs SET checkpoint = CAST(:checkpoint AS jsonb), checkpoint_version = :version
        FROM gate WHERE id = :run AND account_id = :account AND checkpoint_version < :version
    )
    SELECT EXISTS (SELECT FROM lease) AS leased, ARRAY(SELECT client_order_id FROM intents) AS new,
        f.scope, f.state, f.reason
    FROM (SELECT) AS always LEFT JOIN forbidding f ON true
""")


async def intend(  # noqa: PLR0917  (the order of the words is that of the lease, the batch, the time)
    tx: AsyncConnection,
    account: AccountId,
    user: UserId,
    epoch: Epoch,
    orders: Sequence[ApprovedOrder],
    checkpoint: Checkpoint | None,
    at: datetime,
) -> Intended:
    """Write down what is about to be sent, with the trader's memory of deciding it.

    Raises `Fenced` or `Forbidden`, and then nothing is written. `at` is the venue time that the requests are signed
    with. An order that was intended before is not an error: it is in `known`, as it stands now.
    """
    if not orders:
        return Intended(new=frozenset(), known={})
    result = await tx.execute(
        INTEND,
        {
            "account": account,
            "user": user,
            "epoch": epoch,
            "at": at,
            "run": orders[0].run,
            "orders": msgspec.json.encode(orders).decode(),
            "checkpoint": msgspec.json.encode(checkpoint).decode(),
            "version": checkpoint.version if checkpoint else 0,
        },
    )
    answer = result.one()
    if not answer.leased:
        raise Fenced(f"epoch {epoch} does not hold the lease of {account}")
    if answer.scope is not None:
        raise Forbidden(answer.scope, Control(answer.state), answer.reason)
    new = frozenset(ClientOrderId(name) for name in answer.new)
    before = [order.client_order_id for order in orders if order.client_order_id not in new]
    return Intended(new=new, known=await _known(tx, account, before) if before else {})


async def _known(tx: AsyncConnection, account: AccountId, names: Sequence[ClientOrderId]) -> dict[ClientOrderId, Order]:
    rows = await tx.execute(select_orders(account).where(OrderIntent.client_order_id.in_(names)))
    found = [known_order(row).told for row in rows]
    return {order.client_order_id: order for order in found}
