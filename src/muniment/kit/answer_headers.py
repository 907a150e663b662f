"""The headers of good answers, described for OpenAPI where a route sets them."""

from typing import Final, Literal

HeaderName = Literal["ETag", "Location", "Idempotent-Replay"]

_MEANINGS: Final[dict[HeaderName, str]] = {
    "ETag": "The revision of the object; a change names it in `If-Match`.",
    "Location": "The address of what was created.",
    "Idempotent-Replay": "`true` where this is the answer to an earlier request with the same key.",
}


def answers_with(status: int, *names: HeaderName) -> dict[int | str, dict[str, object]]:
    """Document headers of an answer, for the `responses` of a route's decorator."""
    headers = {
        name: {"description": _MEANINGS[name], "schema": {"type": "string"}} for name in names
    }
    return {status: {"headers": headers}}
