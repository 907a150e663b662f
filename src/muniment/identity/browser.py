"""What a request of a browser must be like: which cookie it brings, and from which page.

A browser sends a cookie with every request to us, whoever's page makes it. SameSite=Lax keeps it
from most of those; here is the second wall (docs/guides/sign-in.md). Requests with an Authorization
header need none of it: no page can make a browser add that by itself.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Self
from urllib.parse import urlsplit

import structlog
from starlette.requests import HTTPConnection

from muniment.identity.errors import CrossSiteRequestError, SessionEndedError

HEADER: Final = "X-Muniment"
"""Only a page of ours can add it: others would have to ask first (CORS), and are never let."""
HEADER_VALUE: Final = "1"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
NAME: Final = "muniment"
_PREFIX: Final = "__Host-"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BrowserRules:
    """Where this server is for browsers, and what follows for their cookies."""

    origin: str
    is_secure: bool
    """Whether cookies are for https alone. On plain http, on the loopback, they cannot be."""

    @classmethod
    def of_address(cls, base_url: str) -> Self:
        """Take them from the address that people reach the server by."""
        parts = urlsplit(base_url)
        host = (parts.hostname or "").lower()
        shown = f"[{host}]" if ":" in host else host
        port = parts.port
        ending = "" if port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f":{port}"
        is_plain = parts.scheme == "http" and _is_loopback(host)
        return cls(f"{parts.scheme}://{shown}{ending}", is_secure=not is_plain)

    def cookie_name(self, ending: str = "") -> str:
        """Name a cookie: `__Host-` binds it to this host, so that no neighbour can set it.

        On plain http the name has the port: browsers send a cookie to every port of a host.
        """
        if self.is_secure:
            return f"{_PREFIX}{NAME}{ending}"
        parts = urlsplit(self.origin)
        port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
        return f"{NAME}-{port}{ending}"

    def read_session(self, connection: HTTPConnection) -> str | None:
        """Read the cookie of a session. Two of a name are one too many: one was planted."""
        values = cookies_named(connection, self.cookie_name())
        if len(values) > 1:
            _log.warning("credential_refused", cookies=len(values))
            raise SessionEndedError
        return values[0] if values else None

    def refuse_cross_site(self, connection: HTTPConnection, *, needs_header: bool = True) -> None:
        """Let only pages of ours change anything with a cookie. Raises CrossSiteRequestError.

        `needs_header` is off for a form of ours alone, since no form can send a header.
        """
        if connection.scope.get("method") in SAFE_METHODS:
            return
        headers = connection.headers
        sites = headers.getlist("sec-fetch-site")
        origins = headers.getlist("origin")
        is_ours = sites == ["same-origin"] if sites else origins == [self.origin]
        if needs_header:
            is_ours = is_ours and headers.getlist(HEADER) == [HEADER_VALUE]
        if not is_ours:
            _log.warning("cross_site_request_refused")
            raise CrossSiteRequestError


def cookies_named(connection: HTTPConnection, name: str) -> list[str]:
    """Give the values of all cookies of a name; the framework would give the last one."""
    pairs = (
        pair.strip().partition("=")
        for header in connection.headers.getlist("cookie")
        for pair in header.split(";")
    )
    return [value for found, _, value in pairs if found == name]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
