"""Identifiers: time-ordered and unguessable, so that they index well and tell nothing."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """Make a UUIDv7 (RFC 9562): ordered by time, 74 random bits."""
    return uuid7()
