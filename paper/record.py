"""Every request that came in, for the referee. Holds no parameter but the client order id, and so no secret."""

import msgspec


class RequestRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    at: int
    account: str
    name: str
    """`POST /api/v3/order`, or the WebSocket API's method."""
    status: int
    code: int = 0
    """The venue's own error code, if it refused."""
    client_order_id: str = ""
    fault: str = ""
    """What was done to it on purpose."""
