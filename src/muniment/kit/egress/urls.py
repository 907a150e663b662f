"""Reading an address that somebody gives us, so that all who read it later read the same."""

import re
from collections.abc import Collection
from ipaddress import IPv4Address
from typing import Final

from yarl import URL

from muniment.kit.egress.errors import EgressError

LONGEST: Final = 2048
# Readers disagree about white space, controls and backslashes, and attacks live on that.
_AMBIGUOUS: Final = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
_AUTHORITY_END: Final = re.compile(r"[/?#]")
_NUMERIC: Final = re.compile(r"\d+|0[xX][0-9a-fA-F]*")


def read_url(text: str, ports: Collection[int]) -> URL:
    """Read a URL that may be fetched, in ASCII and without its fragment. Raises EgressError.

    Whether its host is one that may be asked, only the addresses tell, when it is asked.
    """
    if len(text) > LONGEST or _AMBIGUOUS.search(text):
        raise _malformed()
    try:
        url = URL(text).with_fragment(None)
        port, host = url.port, url.raw_host
        if url.raw_path == "/":  # which may be left out: two ways to write one address
            url = url.with_path("/", keep_query=True)
    except ValueError:
        raise _malformed() from None
    if url.scheme not in {"http", "https"}:
        raise EgressError("scheme_refused", "Only http and https addresses are fetched.")
    if "@" in _AUTHORITY_END.split(text.partition("//")[2], maxsplit=1)[0]:
        raise EgressError(
            "credentials_refused",
            "An address with a user name or password in it is not fetched: it would be stored and"
            " shown.",
        )
    if not host or not _is_unambiguous(host) or len(str(url)) > LONGEST:
        raise _malformed()
    if port not in ports:
        raise EgressError(
            "port_refused",
            f"The port {port} is not fetched from. An operator may allow it (egress.ports).",
        )
    return url


def _is_unambiguous(host: str) -> bool:
    """Refuse what some read as a number: 127.1, 2130706433, 0x7f.1; and a link of this machine."""
    if "%" in host:
        return False
    if ":" in host:
        return True
    *_, last = host.rstrip(".").split(".")
    if not _NUMERIC.fullmatch(last):
        return bool(last)
    try:
        return str(IPv4Address(host)) == host
    except ValueError:
        return False


def _malformed() -> EgressError:
    return EgressError("url_malformed", "This is not an address of a web page or file.")
