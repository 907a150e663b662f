"""What goes wrong on the way out, in words that tell no address."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from muniment.kit.egress.errors import EgressError


@contextmanager
def told() -> Iterator[None]:
    """Give what the library raises a reason of ours, without what it says of addresses."""
    try:
        yield
    except (aiohttp.ClientSSLError, ssl.SSLError):
        raise EgressError(
            "tls_failed", "The server's certificate or encryption is not accepted."
        ) from None
    except aiohttp.ServerTimeoutError:
        raise EgressError("timed_out", "The server was silent for too long.") from None
    except (aiohttp.ClientOSError, OSError):
        raise EgressError("unreachable", "The server cannot be reached.") from None
    except aiohttp.ClientError:
        raise EgressError(
            "answer_malformed", "The server broke its answer off, or it cannot be read."
        ) from None
