"""Fetches what users point at: public addresses only, decided when the connection is made.

A host is resolved once for each hop, by us. Every address that it has must be admitted, and the
connection goes to one of exactly these: there is no second look-up that could answer otherwise
(DNS rebinding), while TLS still asks for the host's name. Redirects are followed here and not by
the library, each hop like the first. Nothing is sent but what stands in `_headers`: no cookies, no
credentials, no proxy from the environment.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override
from yarl import URL

from muniment.kit.egress.addresses import AddressPolicy, IpAddress, read_address
from muniment.kit.egress.errors import EgressError
from muniment.kit.egress.failures import told
from muniment.kit.egress.settings import EgressSettings
from muniment.kit.egress.urls import read_url

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_BLOCK: Final = 1 << 16
_LONGEST_VALIDATOR: Final = 512
_LONGEST_WAIT: Final = timedelta(days=1)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host. Raises OSError when there are none."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server gave with its last answer, to be asked whether anything is new since then."""

    url: str
    """Whose they are: of another address, by another redirect, they would say nothing."""
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The beginning of what a server answered; `chunks` is read while the block is open."""

    url: str
    """Where the answer came from, after all redirects."""
    is_unchanged: bool
    """The server says that what it gave last is still what it has; there are no chunks then."""
    content_type: str | None
    validators: Validators
    chunks: AsyncIterator[bytes]


class EgressClient:
    """Fetches by URL; one for the whole process. It keeps no connections."""

    def __init__(self, settings: EgressSettings, resolve: Resolve | None = None) -> None:
        self._settings = settings
        self._policy = AddressPolicy(settings.allowed_hosts, settings.allowed_networks)
        self._resolve = resolve or _resolve
        self._timeout = aiohttp.ClientTimeout(
            total=None,
            connect=settings.connect_timeout.total_seconds(),
            sock_read=settings.read_timeout.total_seconds(),
        )

    def read_url(self, text: str) -> str:
        """Give a URL as it is fetched, or raise EgressError for one that never is."""
        return str(read_url(text, self._settings.ports))

    @asynccontextmanager
    async def get(
        self, url: str, *, max_bytes: int, validators: Validators | None = None
    ) -> AsyncIterator[Answer]:
        """Fetch a URL. Raises EgressError, also while the chunks are read."""
        limit = self._settings.total_timeout.total_seconds()
        deadline = asyncio.timeout(limit)
        try:
            async with deadline, AsyncExitStack() as stack:
                at, response = await self._follow(stack, url, validators)
                yield _read_answer(at, response, max_bytes, validators)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise EgressError(
                "timed_out", f"The server took more than {limit:.0f} seconds for all of it."
            ) from None

    async def _follow(
        self, stack: AsyncExitStack, text: str, validators: Validators | None
    ) -> tuple[URL, aiohttp.ClientResponse]:
        url = read_url(text, self._settings.ports)
        for _ in range(self._settings.max_redirects + 1):
            hop = await stack.enter_async_context(AsyncExitStack())
            response = await self._ask(hop, url, validators)
            if response.status not in _REDIRECTS:
                return url, response
            url = self._next(url, response)
            await hop.aclose()
        raise EgressError(
            "too_many_redirects",
            f"The address redirects more than {self._settings.max_redirects} times.",
        )

    def _next(self, url: URL, response: aiohttp.ClientResponse) -> URL:
        location = response.headers.get("Location", "")
        try:
            target = read_url(str(url.join(URL(location))), self._settings.ports)
            # Read by itself as well: joining has a way of making plain what was not.
            is_plain = location.isprintable() and "\\" not in location and location != ""
        except ValueError:
            is_plain, target = False, url
        if not is_plain:
            raise EgressError("redirect_refused", "The address redirects to what is no address.")
        if url.scheme == "https" and target.scheme == "http":
            raise EgressError(
                "redirect_refused", "The address redirects from https to http, which anybody reads."
            )
        return target

    async def _ask(
        self, stack: AsyncExitStack, url: URL, validators: Validators | None
    ) -> aiohttp.ClientResponse:
        host, port = url.raw_host or "", url.port or 0
        checked = await self._admitted(host, port)
        with told():
            connector = aiohttp.TCPConnector(
                resolver=_Checked(host, checked),
                use_dns_cache=False,
                force_close=True,
                socket_factory=_guarded(checked),
            )
            session = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=self._timeout,
                    trust_env=False,
                    auto_decompress=False,
                )
            )
            headers = self._headers(url, validators)
            return await stack.enter_async_context(
                session.get(url, headers=headers, allow_redirects=False)
            )

    def _headers(self, url: URL, validators: Validators | None) -> Mapping[str, str]:
        headers = {
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": self._settings.user_agent,
        }
        if validators is not None and validators.url == str(url):
            if validators.etag is not None:
                headers["If-None-Match"] = validators.etag
            if validators.last_modified is not None:
                headers["If-Modified-Since"] = validators.last_modified
        return headers

    async def _admitted(self, host: str, port: int) -> Sequence[IpAddress]:
        """Give the addresses of a host if every one of them may be connected to."""
        literal = read_address(host)
        if literal is not None:
            found = [literal]
        else:
            found = [one for text in await self._look_up(host, port) if (one := read_address(text))]
        if not found:
            raise _not_found(host)
        if not all(self._policy.admits(host, address) for address in found):
            raise EgressError(
                "address_refused",
                f"{host} is not on the public internet, so nothing is fetched from it. An operator"
                " may allow a host of your own (egress.allowed_hosts).",
            )
        return found

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        try:
            return await self._resolve(host, port)
        except (OSError, UnicodeError):
            raise _not_found(host) from None


class _Checked(AbstractResolver):
    """Answers with the addresses that were checked, and knows no others."""

    def __init__(self, host: str, addresses: Sequence[IpAddress]) -> None:
        self._host = host
        self._addresses = addresses

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Give the checked addresses; the name goes on to TLS."""
        if host != self._host:
            raise OSError("another host than the one that was checked")
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,  # noqa: PLR2004 - the 4 of IPv4
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    @override
    async def close(self) -> None:
        """Hold nothing."""


def _guarded(checked: Sequence[IpAddress]) -> Callable[[aiohttp.AddrInfoType], socket.socket]:
    """Make sockets for the checked addresses only: the last look, whatever came before."""

    def make(info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        if read_address(str(address[0])) not in checked:
            raise OSError("not one of the addresses that were checked")
        return socket.socket(family, kind, protocol)

    return make


async def _resolve(host: str, port: int) -> Sequence[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _read_answer(
    url: URL, response: aiohttp.ClientResponse, max_bytes: int, validators: Validators | None
) -> Answer:
    was_asked = validators is not None and validators.url == str(url)
    is_unchanged = was_asked and response.status == HTTPStatus.NOT_MODIFIED
    if response.status != HTTPStatus.OK and not is_unchanged:
        raise EgressError(
            "http_error",
            f"The server answered {response.status}{_phrase(response.status)}.",
            status=response.status,
            retry_after=_retry_after(response.headers.get("Retry-After", "")),
        )
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", ""}:
        raise EgressError(
            "encoding_refused", "The server sent compressed bytes, which were not asked for."
        )
    if not is_unchanged and (response.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    return Answer(
        url=str(url),
        is_unchanged=is_unchanged,
        content_type=response.headers.get("Content-Type"),
        validators=Validators(
            str(url), _validator(response, "ETag"), _validator(response, "Last-Modified")
        ),
        chunks=_chunks(response, max_bytes),
    )


async def _chunks(response: aiohttp.ClientResponse, max_bytes: int) -> AsyncIterator[bytes]:
    count = 0
    with told():
        async for chunk in response.content.iter_chunked(_BLOCK):
            count += len(chunk)
            if count > max_bytes:
                raise _too_large(max_bytes)
            yield chunk


def _validator(response: aiohttp.ClientResponse, name: str) -> str | None:
    value = response.headers.get(name)
    # It is stored and sent again: nothing that is no header's value, and not without end.
    is_sound = value is not None and len(value) <= _LONGEST_VALIDATOR and value.isascii()
    return value if is_sound and value is not None and value.isprintable() else None


def _retry_after(text: str) -> timedelta | None:
    is_number = text.isascii() and text.isdecimal() and len(text) < len("1000000")
    return min(timedelta(seconds=int(text)), _LONGEST_WAIT) if is_number else None


def _phrase(status: int) -> str:
    try:
        return f" ({HTTPStatus(status).phrase})"
    except ValueError:
        return ""


def _not_found(host: str) -> EgressError:
    return EgressError("host_not_found", f"There is no host {host}.")


def _too_large(max_bytes: int) -> EgressError:
    return EgressError("too_large", f"It is larger than the {max_bytes} bytes allowed.")
