"""What every request passes first: is it meant for this server, and are there too many of them."""

import re
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muniment.app.server_settings import ServerSettings
from muniment.identity.caller_limits import CALLER_LIMITS_KEY, CallerLimits
from muniment.identity.dependencies import CALLER_KEY
from muniment.kit.errors import MunimentError, RateLimitedError, UnknownHostError
from muniment.kit.problems import problem_response
from muniment.kit.rate_limits import RateLimiter

PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked by machines that know an address and no name, and ask when everything else is too much."""
UNLIMITED: Final = frozenset({*PROBES, "/auth/backchannel-logout"})
"""An issuer tells logouts in a row, and a logout that is refused leaves somebody signed in."""

_API: Final = "/api/"
_SIGN_IN: Final = "/auth/"
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(rb"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{0,5})?")
_LONGEST_HOST = 255
_LONGEST_ADDRESS = 64
_NETWORK_BITS = 64

Who: TypeAlias = str | IPv6Network


class HostNames:
    """The names under which this server is reached.

    A page of somebody else can give its own name the address of this server (DNS rebinding). To a
    browser both are then one site; only the name in the request tells them apart.
    """

    def __init__(self, settings: ServerSettings) -> None:
        public = urlsplit(settings.public_url or "").hostname
        named = [*_LOOPBACK, settings.host, *settings.allowed_hosts, *([public] if public else [])]
        self._names = frozenset(_one_spelling(name) for name in named) - {"0.0.0.0", "::"}  # noqa: S104
        self._is_known = lru_cache(maxsize=256)(self._compare)

    def know(self, host: bytes) -> bool:
        """Tell whether a header `Host` names this server; the port does not matter."""
        return len(host) <= _LONGEST_HOST and self._is_known(host)

    def _compare(self, host: bytes) -> bool:
        parts = _HOST.fullmatch(host)
        return parts is not None and _one_spelling((parts[1] or parts[2]).decode()) in self._names


def _one_spelling(name: str) -> str:
    name = name.lower().removesuffix(".")
    try:
        return str(ip_address(name))
    except ValueError:
        return name


@lru_cache(maxsize=4096)
def counted_as(address: str) -> Who:
    """Give whom an address stands for: with IPv6 everybody has a whole network of them."""
    try:
        parsed = ip_address(address)
    except ValueError:
        # What a trusted proxy calls its peer when it does not know or tell the address.
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return IPv6Network((int(parsed), _NETWORK_BITS), strict=False)


def _read_head(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, bool]:
    """Give the host, empty unless there is exactly one, and whether there is a credential."""
    hosts: list[bytes] = []
    has_credential = False
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name in {b"authorization", b"cookie"}:
            has_credential = True
    return (hosts[0] if len(hosts) == 1 else b""), has_credential


class Gate:
    """Lets requests in that name this server, no more of them than was agreed.

    Who has signed in is counted by who they are, everybody else by where they come from. A request
    to the API with a credential is looked at before it is counted, so a flood of bad tokens locks
    out nobody who has a good one and the same address. Other routes look at no credential, or do
    something before they do, so they are counted first; those of sign-in by themselves, which no
    flood of tokens reaches.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: HostNames,
        callers: CallerLimits,
        per_address: RateLimiter,
        signing_in: RateLimiter,
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._callers = callers
        self._per_address = per_address
        self._signing_in = signing_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        host, has_credential = _read_head(scope["headers"])
        if path not in PROBES and not self._hosts.know(host):
            await _refuse(UnknownHostError(), scope, receive, send)
        elif path in UNLIMITED:
            await self._app(scope, receive, send)
        elif has_credential and path.startswith(_API):
            scope[CALLER_LIMITS_KEY] = self._callers
            await self._count_strangers(scope, receive, send)
        elif wait_s := self._bucket_of(path).take(_source_of(scope)):
            await _refuse(RateLimitedError(wait_s), scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _bucket_of(self, path: str) -> RateLimiter:
        return self._signing_in if path.startswith(_SIGN_IN) else self._per_address

    async def _count_strangers(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it when it turns out that its credential says nothing."""
        is_refused = False

        async def send_counted(message: Message) -> None:
            nonlocal is_refused
            if message["type"] == "http.response.start" and _is_of_stranger(scope, message):
                wait_s = self._per_address.take(_source_of(scope))
                if wait_s:
                    is_refused = True
                    await _refuse(RateLimitedError(wait_s), scope, receive, send)
            if not is_refused:
                await send(message)

        await self._app(scope, receive, send_counted)


def _is_of_stranger(scope: Scope, start: Message) -> bool:
    """Tell whether a request was refused with nobody found behind it, and not by a fault of ours.

    What was done is answered for, whoever asked.
    """
    is_refusal = HTTPStatus.BAD_REQUEST <= start["status"] < HTTPStatus.INTERNAL_SERVER_ERROR
    return CALLER_KEY not in scope and is_refusal


def _source_of(scope: Scope) -> Who:
    client = scope.get("client")
    return counted_as(client[0][:_LONGEST_ADDRESS]) if client else ""


async def _refuse(error: MunimentError, scope: Scope, receive: Receive, send: Send) -> None:
    await problem_response(error, scope)(scope, receive, send)
