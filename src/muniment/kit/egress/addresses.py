"""Which network addresses may be connected to: the public internet, and named exceptions.

An own list instead of `ipaddress.is_global`, whose answer differs between versions of Python. It
follows the registries of special-purpose addresses (RFC 6890 and its successors). IPv6 is refused
whole but for its public block and two forms that carry an IPv4 address, which is judged instead:
mapped addresses, and NAT64 (RFC 6052), by which a host without IPv4 reaches the public one.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

_PRIVATE: Final = tuple(
    map(IPv4Network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"))
)
_PRIVATE_6: Final = IPv6Network("fc00::/7")
_NEVER: Final = tuple(
    map(
        IPv4Network,
        (
            *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24"),
            *("192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
            *("224.0.0.0/4", "240.0.0.0/4"),
        ),
    )
)
_PUBLIC_6: Final = IPv6Network("2000::/3")
# Protocol assignments with Teredo and ORCHID, documentation, 6to4, documentation.
_NEVER_6: Final = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_NAT64: Final = IPv6Network("64:ff9b::/96")


class AddressPolicy:
    """Says of each address whether it may be connected to under a host's name."""

    def __init__(self, hosts: Sequence[str] = (), networks: Sequence[IpNetwork] = ()) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._networks = tuple(networks)

    def admits(self, host: str, address: IpAddress) -> bool:
        """Tell whether the address may be connected to as this host."""
        judged = _carried(address)
        if any(
            one in network
            for one in (address, judged)
            for network in self._networks
            if one.version == network.version
        ):
            return True
        return is_public(judged) or (_is_private(judged) and host.lower() in self._hosts)


def read_address(text: str) -> IpAddress | None:
    """Read an address as a resolver writes it; one of a zone is of a link and so never public."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def is_public(address: IpAddress) -> bool:
    """Tell whether an address is one of the public internet."""
    judged = _carried(address)
    if isinstance(judged, IPv4Address):
        return not any(judged in network for network in (*_PRIVATE, *_NEVER))
    return judged in _PUBLIC_6 and not any(judged in network for network in _NEVER_6)


def _is_private(address: IpAddress) -> bool:
    if isinstance(address, IPv4Address):
        return any(address in network for network in _PRIVATE)
    return address in _PRIVATE_6 and address.scope_id is None


def _carried(address: IpAddress) -> IpAddress:
    """Give the IPv4 address that is meant by an IPv6 address, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
