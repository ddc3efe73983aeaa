"""Writing an account's news down, and telling it in the order of its numbers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from actors.messages import NewsLost
from storage import orders as order_store
from storage.database import Database
from storage.errors import DATABASE_ERRORS
from storage.orders import OrderNews
from trading.events import OrderChanged
from trading.fills import Fill
from trading.ids import AccountId, ClientOrderId, Symbol, TradeId, UserId
from trading.orders import IllegalTransition

News = OrderNews | Fill

log = structlog.get_logger()


class Batch:
    """News that waits to be committed together."""

    def __init__(self) -> None:
        self.news: list[News] = []
        self.read_to: dict[Symbol, TradeId] = {}
        self.committed = False


class Recorder:
    """Commits an account's news, then tells what was new in it. Whatever waits goes into one transaction together.

    Nothing is told that is not committed, and nothing that is committed stays untold: when somebody else recorded
    something too (two gateways may live at once for a while), `NewsLost` makes the trader begin again from a snapshot.
    """

    def __init__(
        self,
        account: AccountId,
        user: UserId,
        database: Database,
        *,
        tell: Callable[[OrderChanged | NewsLost], None],
        doubt: Callable[[ClientOrderId], None],
    ) -> None:
        """`doubt` is called with every order that the venue must be asked about."""
        self._account = account
        self._user = user
        self._database = database
        self._tell = tell
        self._doubt = doubt
        self._next = Batch()
        self._turn = asyncio.Lock()
        self._seq: int | None = None
        self._log = log.bind(account=account)

    async def record(self, news: Sequence[News], read_to: Mapping[Symbol, TradeId] | None = None) -> bool:
        """Returns when the news is committed and told. `read_to`: up to which trade the venue's lists are in it.

        False when the database did not take it. It is let go then: the venue still knows it and can be asked again.
        """
        batch = self._next
        batch.news += news
        batch.read_to |= read_to or {}
        async with self._turn:
            if batch is self._next:
                self._next = Batch()
                batch.committed = await self._commit(batch)
        return batch.committed

    async def _commit(self, batch: Batch) -> bool:
        # An order's end is told when all of its fills are there: taken first, they save the venue a question.
        news = sorted(batch.news, key=lambda item: isinstance(item, OrderNews))
        try:
            async with self._database.transaction() as tx:
                changes = await order_store.record(tx, self._account, self._user, news)
                for symbol, trade in batch.read_to.items():
                    await order_store.mark_trades_read(tx, self._account, symbol, trade)
                seq = changes[-1].seq if changes else await order_store.newest_seq(tx, self._account)
        except DATABASE_ERRORS as error:
            self._log.warning("news not committed", error=type(error).__name__)
            return False
        except IllegalTransition as contradiction:
            return await self._commit_singly(batch, news, contradiction)
        self._deliver(changes, seq)
        for item in news:
            if isinstance(item, OrderNews) and _lacks_fills(item, changes):
                self._doubt(item.client_order_id)
        return True

    async def _commit_singly(self, batch: Batch, news: Sequence[News], contradiction: IllegalTransition) -> bool:
        """One piece of news contradicts what we know. It must not keep the others from being recorded."""
        if len(news) > 1:
            done = [await self._commit(_batch_of(item)) for item in news]
            return all(done) and await self._commit(_batch_of(read_to=batch.read_to))
        for item in news:
            self._log.error("news contradicts the books", news=item, reason=str(contradiction))
            if item.client_order_id is not None:
                self._doubt(item.client_order_id)
        return True

    def _deliver(self, changes: Sequence[OrderChanged], seq: int) -> None:
        first = changes[0].seq if changes else seq + 1
        if self._seq is not None and first != self._seq + 1:
            self._tell(NewsLost())
        for change in changes:
            self._tell(change)
        self._seq = seq


def _batch_of(*news: News, read_to: Mapping[Symbol, TradeId] | None = None) -> Batch:
    batch = Batch()
    batch.news += news
    batch.read_to |= read_to or {}
    return batch


def _lacks_fills(item: OrderNews, changes: Sequence[OrderChanged]) -> bool:
    """Whether the venue says that more of an order is filled than its recorded fills add up to."""
    known = [change.order.filled for change in changes if change.order.client_order_id == item.client_order_id]
    return bool(item.executed and known) and max(known) < (item.executed or 0)
