"""Bodies, read strictly: JSON said to be JSON, not too deep, not too slow, and nothing that Postgres cannot keep."""

import asyncio
from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException, SerializationException
from litestar.serialization import decode_json

from api.errors import INVALID, MALFORMED, NOT_JSON, ApiError
from api.problems import body_error
from api.settings import ApiSettings

DEPTH_MAX = 32


class ApiRequest(Request[Any, Any, Any]):
    async def body(self) -> bytes:
        settings: ApiSettings = self.app.state.settings
        try:
            async with asyncio.timeout(settings.body_timeout_s):
                return await super().body()
        except TimeoutError:
            raise ApiError(MALFORMED, "The body did not arrive in time.", headers={"Connection": "close"}) from None
        except InternalServerException:
            # Litestar's word for a client that left; it is no fault of ours.
            raise ApiError(MALFORMED, "The connection ended before the body did.") from None

    async def json(self) -> Any:
        if self.content_type[0] != "application/json":
            raise ApiError(NOT_JSON)
        body = await self.body()
        if too_deep(body):
            raise ApiError(MALFORMED, f"The body is nested deeper than {DEPTH_MAX} levels.")
        try:
            value = decode_json(body)
        except (SerializationException, UnicodeDecodeError):
            raise ApiError(MALFORMED, "The body is not JSON.") from None
        if has_nul(value):
            raise ApiError(MALFORMED, "The body holds a NUL character, which no text may.")
        field = self.route_handler.parsed_data_field
        return value if field is None else as_type(value, field.annotation)


def as_type(value: Any, kind: Any) -> Any:
    """Strictly: Litestar would take 0 for false and "5" for five."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        wrong = body_error(str(error))
        raise ApiError(INVALID, f"{wrong.pointer or 'the body'}: {wrong.detail}", errors=[wrong]) from None


def too_deep(body: bytes) -> bool:
    """Whether brackets nest deeper than anything we take. Counts those inside strings too, so it errs to one side."""
    if body.count(b"{") + body.count(b"[") <= DEPTH_MAX:
        return False
    depth = 0
    for byte in body:
        if byte in b"{[":
            depth += 1
            if depth > DEPTH_MAX:
                return True
        elif byte in b"}]":
            depth -= 1
    return False


def has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or has_nul(inner) for key, inner in value.items())
    if isinstance(value, list):
        return any(has_nul(inner) for inner in value)
    return False


def client_address(request: ApiRequest) -> str:
    """Where a request comes from, as the server says, which believes a proxy's header only where it was told to."""
    return request.client.host if request.client else "unknown"
