"""Reading the compact form of a signed token (RFC 7515), strictly and before any trust.

One reader for header and claims, so that what is checked is what is used: no second parser in a
library may see another header than the one that was judged here.
"""

import json
import re
from base64 import urlsafe_b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from muniment.identity.refusals import Reason, TokenRefusedError

MAX_TOKEN_LENGTH: Final = 16 * 1024
MAX_NESTING: Final = 16

_OPENING = frozenset(b"{[")
_CLOSING = frozenset(b"}]")
_SEGMENT = re.compile(rb"[A-Za-z0-9_-]+")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
# The closing quote is optional so that every start consumes what it scanned: linear on any input.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class CompactToken:
    """A token taken apart; nothing in it is trusted yet."""

    header: Mapping[str, object]
    claims: Mapping[str, object]
    signed: bytes
    """The bytes that the signature is over."""
    signature: bytes


def read_compact(token: str) -> CompactToken:
    """Take a token apart; raise TokenRefusedError where its form is not exactly as it must be."""
    if len(token) > MAX_TOKEN_LENGTH:
        raise TokenRefusedError(Reason.SIZE)
    if not token.isascii():
        raise TokenRefusedError(Reason.FORM)
    segments = token.encode("ascii").split(b".")
    if len(segments) != 3:  # noqa: PLR2004 - header, claims, signature
        raise TokenRefusedError(Reason.FORM)
    header, claims, signature = segments
    return CompactToken(
        header=read_object(_decode(header)),
        claims=read_object(_decode(claims)),
        signed=header + b"." + claims,
        signature=_decode(signature),
    )


def _decode(segment: bytes) -> bytes:
    """Decode base64url in its one canonical spelling: no padding, no stray bits at the end."""
    if _SEGMENT.fullmatch(segment) is None:
        raise TokenRefusedError(Reason.FORM)
    try:
        decoded = a2b_base64(segment.translate(_TO_STANDARD) + b"=" * (-len(segment) % 4))
    except Base64Error:
        raise TokenRefusedError(Reason.FORM) from None
    if urlsafe_b64encode(decoded).rstrip(b"=") != segment:
        raise TokenRefusedError(Reason.FORM)
    return decoded


def read_object(raw: bytes) -> Mapping[str, object]:
    """Read a JSON object strictly: UTF-8, no repeated member, no NaN, bounded depth."""
    if not _is_shallow(raw):
        raise TokenRefusedError(Reason.JSON)
    try:
        value: object = _DECODER.decode(raw.decode("utf-8"))
    except ValueError:
        raise TokenRefusedError(Reason.JSON) from None
    if not isinstance(value, dict):
        raise TokenRefusedError(Reason.JSON)
    return value


def _is_shallow(raw: bytes) -> bool:
    if raw.count(b"{") + raw.count(b"[") <= MAX_NESTING:
        return True
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(raw):
        first = raw[match.start()]
        depth += (first in _OPENING) - (first in _CLOSING)
        if depth > MAX_NESTING:
            return False
    return True


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is repeated")
    return members


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)
