"""Calls to servers that the operator named: an identity provider, a model, a store.

The second profile of the one way out. Private addresses are allowed, since that is where these
servers are; instead the origin must be exactly one of those in the settings. Redirects are not
followed, whatever their target, and what comes is limited in size and time.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Final, Literal, Self

import aiohttp
from yarl import URL

from muniment.kit.egress.errors import EgressError
from muniment.kit.egress.failures import told

_TOTAL_TIMEOUT: Final = timedelta(seconds=5)
_CONNECT_TIMEOUT: Final = timedelta(seconds=3)
_MAX_BYTES: Final = 1 << 20
_BLOCK: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class OperatorAnswer:
    """What a server answered, whole."""

    status: int
    content_type: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class OperatorRequest:
    """What is asked: GET without a form, POST with one."""

    url: str
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None

    @property
    def method(self) -> Literal["GET", "POST"]:
        """Name the HTTP method."""
        return "GET" if self.form is None else "POST"


def origin_of(url: str) -> str:
    """Give scheme, host and port of an address in one spelling; raise ValueError for none."""
    origin = URL(url).origin()
    if origin.scheme not in {"http", "https"}:
        raise ValueError("not an origin of the web")
    return str(origin)


class OperatorClient:
    """Asks servers at some exact origins; one for the whole process, which keeps connections."""

    def __init__(self, origins: Iterable[str], *, timeout: timedelta = _TOTAL_TIMEOUT) -> None:
        self._origins = frozenset(origin_of(origin) for origin in origins)
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections that are kept."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, request: OperatorRequest, *, max_bytes: int = _MAX_BYTES) -> OperatorAnswer:
        """Ask, and read the answer whole, whatever its status. Raises EgressError."""
        self._check(request.url)
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                return await self._ask(request, max_bytes)
        except TimeoutError:
            seconds = self._timeout.total_seconds()
            raise EgressError(
                "timed_out", f"The server took more than {seconds:g} seconds to answer."
            ) from None

    def _check(self, url: str) -> None:
        try:
            is_known = origin_of(url) in self._origins
        except ValueError:
            is_known = False
        if not is_known:
            raise EgressError("origin_refused", "The address is at no origin of the settings.")

    async def _ask(self, request: OperatorRequest, max_bytes: int) -> OperatorAnswer:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **(request.headers or {}),
        }
        with told():
            async with self._open().request(
                request.method,
                request.url,
                data=request.form,
                headers=headers,
                allow_redirects=False,
            ) as response:
                body = await _read(response, max_bytes)
                return OperatorAnswer(response.status, response.headers.get("Content-Type"), body)

    def _open(self) -> aiohttp.ClientSession:
        # Not in the constructor: a session belongs to the loop that is running when it is made.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_TIMEOUT.total_seconds()),
                trust_env=False,
                auto_decompress=False,
            )
        return self._session


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_BLOCK):
        body += chunk
        if len(body) > max_bytes:
            raise EgressError("too_large", f"The answer is larger than {max_bytes} bytes.")
    return bytes(body)
