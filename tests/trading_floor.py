"""A venue, a database and a gateway's desks, all real and in this process; the traders are the test itself."""

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import text

from actors.config import FleetConfig, SecretRef
from actors.desks import Desks
from actors.messages import NewsLost
from exchanges.port import ApiKey, VenueAddress
from paper.faults import Fault, FaultKind
from paper.fixed import to_decimal
from paper.server import PaperExchange
from paper.settings import PaperSettings
from paper.venue import Which
from security.envelope import Binding, KeyRing
from storage import credentials, leases
from storage.accounts import FLEET_CHANNEL
from storage.controls import set_control
from storage.database import Database, Role
from storage.notifications import notify
from tests.integration.paper.administration import administer
from tests.integration.storage.conftest import Tenant, settle_in
from trading.events import Assignment, BalancesChanged, Checkpoint, Control, Event, OrderChanged, Snapshot
from trading.ids import ClientOrderId, Slot, Symbol, VenueName, client_order_id
from trading.money import floor_to
from trading.orders import ApprovedOrder, Order, OrderKind, OrderState, Outcome, Purpose, Side

BTC = Symbol("BTC/USDT")
ETH = Symbol("ETH/USDT")
PAPER = VenueName("paper")
RECEIVE_WINDOW_MS = 1_500
"""Short, so that what never arrived is proven soon."""
PLENTY = {"USDT": "1000000", "BTC": "10"}
PARAMS = {
    "symbol": BTC,
    "dip_pct": "1",
    "target_pct": "1",
    "stop_pct": "3",
    "budget_per_round": "500",
    "budget": "500",
}


async def until(condition: Any, timeout_s: float = 15.0, what: str = "") -> None:
    """Wait for something that other tasks do."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while True:
                found = condition()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return
                await asyncio.sleep(0.01)
    raise AssertionError(f"not within {timeout_s:g} s: {what or condition}")


class Customer:
    """An account with a key at the venue, and a trader that does what the test says."""

    def __init__(self, floor: "Floor", tenant: Tenant, venue_account: str) -> None:
        self.floor = floor
        self.tenant = tenant
        self.venue_account = venue_account
        self.assignment = Assignment(
            account=tenant.account,
            user=tenant.user,
            venue=PAPER,
            run=tenant.run,
            strategy="naive",
            params=PARAMS,
            epoch=tenant.epoch,
        )
        self.host = f"host-{tenant.account}"
        self.heard: list[Event | NewsLost] = []
        self._versions = itertools.count(1)
        self._slots = itertools.count(1)

    async def open(self, desks: Desks | None = None) -> Snapshot:
        snapshot = await (desks or self.floor.desks).open(self.assignment, self.host)
        assert isinstance(snapshot, Snapshot), snapshot
        return snapshot

    def order(
        self,
        *,
        side: Side = Side.BUY,
        kind: OrderKind = OrderKind.MARKET,
        quantity: str = "0.01",
        price: Decimal | None = None,
        slot: str | None = None,
        purpose: Purpose | None = None,
        symbol: Symbol = BTC,
    ) -> ApprovedOrder:
        place = Slot(slot or f"{side}:{next(self._slots)}")
        return ApprovedOrder(
            client_order_id=client_order_id(self.tenant.run, place, 1, 1),
            run=self.tenant.run,
            slot=place,
            cycle=1,
            attempt=1,
            symbol=symbol,
            side=side,
            kind=kind,
            quantity=Decimal(quantity),
            price=price,
            purpose=purpose or (Purpose.ENTRY if side is Side.BUY else Purpose.EXIT),
            reason="the test says so",
        )

    def resting(self, **changes: Any) -> ApprovedOrder:
        """A purchase far below the market: it stands until somebody withdraws it."""
        return self.order(kind=OrderKind.LIMIT, price=self.floor.price(below_pct=10), **changes)

    async def submit(self, *orders: ApprovedOrder, desks: Desks | None = None) -> tuple[Outcome, ...]:
        checkpoint = Checkpoint(version=next(self._versions), seq=0, books={}, strategy={})
        return await (desks or self.floor.desks).submit(self.assignment, orders, checkpoint)

    async def cancel(self, *orders: ApprovedOrder) -> None:
        await self.floor.desks.cancel(self.assignment, [(order.symbol, order.client_order_id) for order in orders])

    async def withdraw_by_hand(self, order: ApprovedOrder) -> None:
        """Cancel on the venue's own page, as the customer may at any time."""
        exchange = self.floor.exchange
        account = exchange.venue.state.accounts[self.venue_account]
        (standing,) = [each for each in await self.venue_orders() if each["clientOrderId"] == order.client_order_id]
        exchange.venue.cancel(account, Which(standing["symbol"], standing["orderId"]), exchange.clock())
        await exchange.commit()

    async def listen(self, desks: Desks | None = None) -> None:
        """Take all news that is there."""
        mailbox = (desks or self.floor.desks).mailbox(self.host)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.001):
                self.heard += [event for _, event in await mailbox.take()]

    @property
    def news(self) -> list[OrderChanged]:
        return [event for event in self.heard if isinstance(event, OrderChanged)]

    @property
    def balances(self) -> list[BalancesChanged]:
        return [event for event in self.heard if isinstance(event, BalancesChanged)]

    async def hears(self, state: OrderState, order: ApprovedOrder, *, within_s: float = 15.0) -> Order:
        """Wait until the trader is told that the order is so."""

        def last() -> Order | None:
            found = [each.order for each in self.news if each.order.client_order_id == order.client_order_id]
            return found[-1] if found and found[-1].state is state else None

        async def told() -> bool:
            await self.listen()
            return last() is not None

        await until(told, within_s, f"{order.slot} {state}; heard {self.told(order)}")
        found = last()
        assert found is not None
        return found

    def told(self, order: ApprovedOrder) -> list[tuple[OrderState, Decimal]]:
        """All that the trader was told of one order."""
        return [
            (each.order.state, each.order.filled)
            for each in self.news
            if each.order.client_order_id == order.client_order_id
        ]

    async def take_over(self) -> "Customer":
        """Another trader for the same account, under the next epoch."""
        async with self.floor.database.transaction() as tx:
            await leases.release(tx, [(self.tenant.account, self.assignment.epoch)])
            epoch = (await leases.grant(tx, [self.tenant.account], "host-2", 60, grace_s=0))[self.tenant.account]
        successor = Customer(self.floor, self.tenant, self.venue_account)
        successor.assignment = msgspec.structs.replace(self.assignment, epoch=epoch)
        successor.host = f"{self.host}-{epoch}"
        return successor

    async def venue_orders(self) -> list[dict[str, Any]]:
        found = await administer(self.floor.exchange, "GET", f"orders?account={self.venue_account}")
        orders: list[dict[str, Any]] = found["orders"]
        return orders

    async def venue_trades(self) -> set[tuple[str, str]]:
        """Trade id and client order id of everything that traded, by the venue's own account."""
        found = await administer(self.floor.exchange, "GET", f"trades?account={self.venue_account}")
        return {(str(trade["id"]), trade["clientOrderId"]) for trade in found["trades"]}

    async def requests(self, name: str) -> list[dict[str, Any]]:
        """What the venue was asked for this account, of one kind."""
        found = await administer(self.floor.exchange, "GET", f"requests?account={self.venue_account}")
        return [request for request in found["requests"] if request["name"] == name]

    async def fills(self) -> list[tuple[str, str]]:
        """The same as `venue_trades`, by our own books. A list, so that what is there twice shows."""
        rows = await self.floor.query(
            "SELECT trade_id, client_order_id FROM fills WHERE account_id = :account", account=self.tenant.account
        )
        return [(trade, name) for trade, name in rows]

    async def state(self, order: ApprovedOrder) -> str:
        ((state,),) = await self.floor.query(
            "SELECT state FROM orders WHERE account_id = :account AND client_order_id = :name",
            account=self.tenant.account,
            name=order.client_order_id,
        )
        return str(state)

    async def books_equal_the_venues(self) -> None:
        """Every trade once, and never two orders of one name."""

        async def equal() -> bool:
            fills = await self.fills()
            assert len(fills) == len(set(fills)), "a fill is there twice"
            return set(fills) == await self.venue_trades()

        await until(equal, 20, "fills equal the venue's trades")
        names = [order["clientOrderId"] for order in await self.venue_orders()]
        assert len(names) == len(set(names)), "an order was sent twice"


class Floor:
    def __init__(self, exchange: PaperExchange, database_url: str, directory: Path, stack: AsyncExitStack) -> None:
        self.exchange = exchange
        self.database = Database(database_url, Role.FLEET, pool_size=4)
        self.desks: Desks
        self._operator = Database(database_url, Role.OWNER, pool_size=1)
        stack.push_async_callback(self.database.close)
        stack.push_async_callback(self._operator.close)
        self._stack = stack
        self._names = itertools.count(1)
        self._running: dict[Desks, asyncio.Task[None]] = {}
        self.key_ring = KeyRing.generate("test")
        (directory / "url").write_text(database_url)
        (directory / "keys").write_text(self.key_ring.text())
        self.config = FleetConfig(
            database_url=SecretRef(file=str(directory / "url")),
            master_keys=SecretRef(file=str(directory / "keys")),
            venues=(
                VenueAddress(name=PAPER, ccxt_id="binance", rest_url=exchange.rest_url, stream_url=exchange.stream_url),
            ),
            lease_ttl_s=60,
            receive_window_ms=RECEIVE_WINDOW_MS,
        )

    async def start_desks(self) -> Desks:
        """A gateway. Another one may be running already: that is what some tests are about."""
        desks = await Desks.start(self.config, PAPER)
        self._running[desks] = asyncio.create_task(desks.run())
        self._stack.push_async_callback(self.stop_desks, desks)
        return desks

    async def stop_desks(self, desks: Desks) -> None:
        running = self._running.pop(desks, None)
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await desks.stop()

    async def customer(self, **wish: Any) -> Customer:
        (customer,) = await self.customers(1, **wish)
        return customer

    async def customers(
        self, count: int, *, balances: Mapping[str, str] | None = None, key: object = None, discount: bool = False
    ) -> list[Customer]:
        """With `discount`, they pay their fees in BNB while they have some."""
        wish = {
            "count": count,
            "name": "customer",
            "balances": balances or PLENTY,
            "key": key or {},
            "discount": discount,
        }
        opened = (await administer(self.exchange, "POST", "accounts", wish))["accounts"]
        return [await self._settle(each) for each in opened]

    async def _settle(self, opened: Mapping[str, str]) -> Customer:
        async with self.database.transaction() as tx:
            tenant = await settle_in(tx, f"customer{next(self._names)}")
            await self.put_key(tx, tenant, opened)
        return Customer(self, tenant, opened["account"])

    async def put_key(self, tx: Any, tenant: Tenant, opened: Mapping[str, str]) -> None:
        binding = Binding(user=tenant.user, account=tenant.account, venue=PAPER)
        secret = msgspec.json.encode(ApiKey(opened["api_key"], opened["secret"]))
        sealed = self.key_ring.seal(secret, binding)
        await credentials.write(tx, tenant.account, tenant.user, sealed, key_last4="test")

    async def revoke_key(self, customer: Customer) -> None:
        for key in [key for key, of in self.exchange.venue.state.keys.items() if of.account == customer.venue_account]:
            await administer(self.exchange, "DELETE", f"keys?api_key={key}")

    async def replace_key(self, customer: Customer) -> None:
        await self.revoke_key(customer)
        issued = await administer(self.exchange, "POST", "keys", {"account": customer.venue_account})
        async with self.database.transaction() as tx:
            await self.put_key(tx, customer.tenant, issued)

    async def turn(self, scope: str, state: str) -> None:
        """Turn a switch."""
        async with self.database.transaction() as tx:
            await set_control(tx, scope, None, Control(state), "the test says so", None)
            await notify(tx, FLEET_CHANNEL, "" if scope == "*" or scope.startswith("usr_") else scope.partition("/")[0])

    async def break_connections(self) -> None:
        """Cut every connection to the database but the one that says so."""
        others = "pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'"
        async with self._operator.transaction() as tx:
            await tx.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))

    def fault(self, kind: FaultKind, **limits: Any) -> None:
        """Let the venue do this, from now on."""
        self.exchange.faults.add([Fault(kind=kind, **limits)], self.exchange.clock())

    def mend(self) -> None:
        self.exchange.faults.clear()

    @asynccontextmanager
    async def holding(self, table: str, customer: Customer) -> AsyncIterator[None]:
        """Keep everybody from what the database knows of the account there, as long as the block lasts."""
        async with self.database.transaction() as tx:
            await tx.execute(
                text(f"SELECT FROM {table} WHERE account_id = :account FOR UPDATE"),
                {"account": customer.tenant.account},
            )
            yield

    def price(self, *, below_pct: int = 0, symbol: Symbol = BTC) -> Decimal:
        """What the market trades at, or so far below it."""
        pit = self.exchange.venue.pits[symbol.replace("/", "")]
        assert pit.book.best_bid is not None
        return floor_to(to_decimal(pit.book.best_bid) * (100 - below_pct) / 100, Decimal("0.1"))

    async def query(self, statement: str, **values: Any) -> Collection[Any]:
        async with self.database.transaction() as tx:
            return (await tx.execute(text(statement), values)).all()

    async def intents(self) -> set[ClientOrderId]:
        return {ClientOrderId(name) for (name,) in await self.query("SELECT client_order_id FROM order_intents")}


@asynccontextmanager
async def open_floor(database_url: str, settings: PaperSettings | None = None) -> AsyncIterator[Floor]:
    directory = Path(tempfile.mkdtemp(prefix="tradefleet-floor-"))
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        exchange = PaperExchange(settings or PaperSettings())
        await exchange.start()
        stack.push_async_callback(exchange.stop)
        floor = Floor(exchange, database_url, directory, stack)
        floor.desks = await floor.start_desks()
        yield floor
