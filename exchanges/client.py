"""ccxt's class for one exchange, made exact, cheap to copy, and honest about what it does not know.

Everything here overrides ccxt at a seam of its own: how JSON is read, how a request leaves, how an answer is judged,
how a stream's messages arrive. What an exchange's endpoints are called stays ccxt's business.
"""

import copy
import json
import time
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache, partial
from typing import Any, Self

from exchanges import verdicts
from exchanges.errors import OrderRefused, StreamLost, VenueError
from exchanges.feed import Feed
from exchanges.line import AccountLine
from exchanges.loading import load_exchange

SIGNED_AT_MS: ContextVar[int | None] = ContextVar("SIGNED_AT_MS", default=None)
"""The venue time to sign with in this task, in place of now."""

PING_INTERVAL_MS = 10_000
"""After two of these without a pong a stream is lost."""


_JSON = json.JSONDecoder(parse_float=str)


class _Seams:
    """Goes before the exchange's own class, so that `super()` is ccxt."""

    number = str  # not float: the text of an amount passes through ccxt as it came
    enableRateLimit = True  # noqa: N815 -- and the limit is ours, see `throttle`
    enableLastHttpResponse = False  # noqa: N815
    enableLastResponseHeaders = False  # noqa: N815
    timeout_on_exit = 0
    line: AccountLine
    feed: Feed[Any] | None = None

    def copy_with(self, **own: Any) -> Self:
        """Another client with these attributes: a key, a line, a feed.

        A constructor would copy ccxt's whole description of the exchange again, a quarter of a megabyte. Shared with
        this one are the session, the markets and everything else that nobody writes to.
        """
        client = type(self).__new__(type(self))
        vars(client).update(vars(self))
        vars(client).update(
            options=copy.deepcopy(vars(self)["options"]), clients={}, balance={}, bidsasks={}, feed=None
        )
        vars(client).update(own)
        return client

    def __del__(self) -> None:
        """Owns no session; ccxt's own would complain that it was not closed."""

    # Exactness -------------------------------------------------------------------------------------------------------

    @staticmethod
    def on_json_response(text: str) -> Any:
        return _JSON.decode(text)

    def amount_to_precision(self, _symbol: str, amount: str) -> str:
        # An approved order is fitted to the market already. ccxt's rounding would go through float, and it sets the
        # rounding mode of the whole thread's decimal context.
        return amount

    def price_to_precision(self, _symbol: str, price: str) -> str:
        return price

    # How a request leaves, and what its answer means -----------------------------------------------------------------

    def nonce(self) -> int:
        return SIGNED_AT_MS.get() or self._venue_time_ms()

    def _venue_time_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.line.clock_offset_ms

    async def throttle(self, cost: float | None = None) -> None:
        """Wait for a turn. A request whose signature would be too old by then is not sent at all."""
        signed_at = SIGNED_AT_MS.get()
        patience_s = None
        if signed_at is not None:
            window_ms: int = vars(self)["options"]["recvWindow"]
            patience_s = (signed_at + window_ms - self._venue_time_ms()) / 1000
            if patience_s <= 0:
                raise OrderRefused("too_late", "its signing time is over; not sent")
        await self.line.admit(1.0 if cost is None else cost, orders=int(signed_at is not None), patience_s=patience_s)

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        verdict: VenueError
        try:
            answer = await super().fetch(url, method, headers, body)  # type: ignore[misc]
        except VenueError as error:
            verdict = error
        except Exception as error:  # noqa: BLE001 -- judged, and raised again
            verdict = verdicts.on_exception(error)
        else:
            self.line.ended(None)
            return answer
        self.line.ended(verdict)
        raise verdict

    def handle_errors(  # noqa: PLR0917
        self,
        status: int,
        reason: str,
        url: str,
        method: str,
        headers: Mapping[str, str],
        text: str,
        answer: Any,
        request_headers: Any,
        request_body: Any,
    ) -> None:
        self.line.heard(headers, answer)
        verdict = verdicts.on_answer(status, headers, answer, text)
        if verdict is not None:
            raise verdict
        super().handle_errors(  # type: ignore[misc]
            status, reason, url, method, headers, text, answer, request_headers, request_body
        )
        verdict = verdicts.on_status(status, answer, text)
        if verdict is not None:
            raise verdict

    # Streams ---------------------------------------------------------------------------------------------------------

    def client(self, url: str) -> Any:
        """The connection to one address. ccxt's own reading of a text frame would lose digits to floats, and a frame
        that is not whole JSON would end its loop without a word."""
        connection = super().client(url)  # type: ignore[misc]
        connection.handle_text_or_binary_message = partial(self._read, connection)
        return connection

    def _read(self, connection: Any, data: str | bytes) -> None:
        text = data.decode() if isinstance(data, bytes) else data
        try:
            self.handle_message(connection, self.on_json_response(text) if text[:1] in {"{", "["} else text)
        except Exception as error:  # noqa: BLE001 -- told to the reader of the stream
            self._lose(f"a message of the stream could not be read: {error!r}")

    def ws_dial_delay(self, _url: str) -> int:
        return 0  # whoever reads the stream decides when to try again

    def handle_message(self, client: Any, message: Any) -> None:
        event = message.get("event") or message if isinstance(message, dict) else {}
        match event.get("e") if isinstance(event, dict) else None:
            case "balanceUpdate":
                # A difference, which ccxt would add to a balance that may hold it already. Binance sends the new
                # balance itself too, as outboundAccountPosition.
                return
            case "eventStreamTerminated":
                self._lose("the venue ended the stream")
                return
        super().handle_message(client, message)  # type: ignore[misc]
        if self.feed is not None and not (isinstance(message, dict) and message.get("error")):
            self.feed.open()

    def on_error(self, client: Any, error: Any) -> None:
        super().on_error(client, error)  # type: ignore[misc]
        self._lose(f"the stream failed ({type(error).__name__})")

    def on_close(self, client: Any, error: Any) -> None:
        super().on_close(client, error)  # type: ignore[misc]
        self._lose("the venue closed the stream")

    def _lose(self, reason: str) -> None:
        # ccxt tells only those who wait at this very moment, and then connects anew without a word.
        if self.feed is not None:
            self.feed.fail(StreamLost(reason))


@cache
def client_class(ccxt_id: str) -> type[Any]:
    exchange = load_exchange(ccxt_id)
    return type(f"Client_{ccxt_id}", (_Seams, exchange), {})
