"""A client of any endpoint that speaks OpenAI's protocol: a question in, an answer out, whatever happens between."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx2
import msgspec
import openai

from confirm.completion import NoVerdict, read_completion
from confirm.prompt import FORM, messages
from trading.events import Answer, Question

BODY_BYTES_MAX = 1 << 16
"""A verdict takes two thousand; what is longer than this is none."""
CONNECTIONS_MAX = 16


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where the model is. Its repr shows stars for the key."""

    base_url: str
    model: str
    api_key: str
    timeout_s: float = 20.0
    """For all of it: connecting, waiting, and the last byte."""

    def __repr__(self) -> str:
        return f"Endpoint(base_url={self.base_url!r}, model={self.model!r}, api_key=***, timeout_s={self.timeout_s})"


class Confirmer:
    """Puts questions to a model. `answer` never raises: what is no verdict is an answer with an error.

    Nothing is asked twice: a signal that has to wait for a second try is better let pass.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._client = openai.AsyncOpenAI(
            api_key=endpoint.api_key,
            base_url=endpoint.base_url,
            max_retries=0,
            timeout=endpoint.timeout_s,
            # The key goes to this address and no other: not where it redirects to, and, since the transport is our own,
            # to no proxy that the environment names.
            http_client=httpx2.AsyncClient(
                transport=_BoundedTransport(limits=httpx2.Limits(max_connections=CONNECTIONS_MAX)),
                follow_redirects=False,
            ),
        )
        # It takes these from the environment, where they may speak of an account with somebody else.
        self._client.organization = self._client.project = None

    async def answer(self, question: Question) -> Answer:
        try:
            async with asyncio.timeout(self._endpoint.timeout_s):
                body = await self._ask(question)
            verdict = read_completion(body)
        except (TimeoutError, openai.APITimeoutError):
            return Answer(question=question.id, error=f"no answer within {self._endpoint.timeout_s:g} s")
        except openai.APIStatusError as error:
            return Answer(question=question.id, error=f"the endpoint answered with status {error.status_code}")
        except (openai.OpenAIError, httpx2.HTTPError) as error:
            return Answer(question=question.id, error=f"the endpoint cannot be asked: {type(error).__name__}")
        except NoVerdict as error:
            return Answer(question=question.id, error=str(error))
        return Answer(question=question.id, body=msgspec.to_builtins(verdict))

    async def close(self) -> None:
        await self._client.close()

    async def _ask(self, question: Question) -> bytes:
        response = await self._client.chat.completions.with_raw_response.create(
            model=self._endpoint.model,
            messages=cast(Any, messages(question)),
            response_format=cast(
                Any, {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": FORM}}
            ),
        )
        return response.content


class _BoundedTransport(httpx2.AsyncHTTPTransport):
    """Stops reading where no answer of ours can be: a server that never stops must not fill our memory."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        response.stream = _BoundedStream(cast(httpx2.AsyncByteStream, response.stream))
        return response


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = BODY_BYTES_MAX
        async for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise httpx2.ReadError(f"more than {BODY_BYTES_MAX} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
