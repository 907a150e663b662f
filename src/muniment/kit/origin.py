"""Where a request came from, for what is written down about it far below the web framework."""

from contextvars import ContextVar
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final
from uuid import UUID

from starlette.types import Scope


@dataclass(frozen=True, slots=True)
class Origin:
    """The name of a request and where it came from, as far as there is such a thing."""

    request_id: str | None = None
    peer: str | None = None
    """As the server tells it."""
    key_id: UUID | None = None
    """The API key that the caller came with."""

    @property
    def address(self) -> str | None:
        """Give the address in its one form: IPv4 as itself, None for what is none, as a socket.

        Read when something is written down about a request, since most leave nothing.
        """
        try:
            parsed = ip_address(self.peer or "")
        except ValueError:
            return None
        mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
        return str(mapped or parsed).partition("%")[0]


NOWHERE: Final = Origin()
_PREFIX_V4, _PREFIX_V6 = 24, 64
_origin: ContextVar[Origin] = ContextVar("muniment_origin", default=NOWHERE)


def bind_origin(scope: Scope, request_id: str) -> None:
    """Keep where a request came from as long as its task runs.

    Behind a trusted proxy the server has put the caller's own address there.
    """
    client = scope.get("client")
    _origin.set(Origin(request_id, client[0] if client else None))


def bind_key(key_id: UUID | None) -> None:
    """Keep with which key the caller of this request has come, if with one."""
    if key_id != _origin.get().key_id:
        _origin.set(replace(_origin.get(), key_id=key_id))


def origin() -> Origin:
    """Give the origin of the request that is being answered; nowhere, for what is none."""
    return _origin.get()


def network_of(address: str) -> str:
    """Give the network that an address is counted with: whoever has one there has all of it."""
    prefix = _PREFIX_V6 if ":" in address else _PREFIX_V4
    return str(ip_network(f"{address}/{prefix}", strict=False))
