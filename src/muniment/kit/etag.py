"""Changes that cannot overwrite what the writer has not seen (RFC 9110, 13.1.1).

Each mutable object has a strong entity tag made of its id and revision. A change names the tag
it was based on in `If-Match`; without one it is refused (RFC 6585), so nobody forgets.
"""

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from muniment.kit.errors import FieldProblem, MalformedRequestError, MunimentError

_TAG_LIST = re.compile(
    r'\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"(?:\s*,\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*")*\s*'
)
_TAG = re.compile(r'(W/)?("[^"]*")')


class PreconditionRequiredError(MunimentError):
    """A change must name the revision it is based on."""

    code = "precondition_required"
    status = 428
    title = "If-Match is required"


class PreconditionFailedError(MunimentError):
    """The object has changed since the caller last saw it."""

    code = "precondition_failed"
    status = 412
    title = "The object has changed"


def make_etag(identifier: UUID | str, revision: int) -> str:
    """Make the strong entity tag of one revision of an object."""
    name = identifier.hex if isinstance(identifier, UUID) else identifier
    return f'"{name}.{revision}"'


@dataclass(frozen=True, slots=True)
class IfMatch:
    """What the caller believes the object to be: one of these tags, or any that exists."""

    tags: frozenset[str]
    matches_any: bool = False

    @classmethod
    def parse(cls, header: str | None) -> "IfMatch":
        """Read the header `If-Match`; weak tags are dropped, because they never match here."""
        if header is None:
            raise PreconditionRequiredError(
                "A change needs the header If-Match.",
                hint="Send the ETag of the object as you last read it, or If-Match: *.",
            )
        if header.strip() == "*":
            return ANY_REVISION
        if not _TAG_LIST.fullmatch(header):
            fault = FieldProblem("header", "If-Match", "malformed_etag", "Not a list of tags.")
            raise MalformedRequestError(
                "The header If-Match is neither * nor a list of entity tags.",
                hint='An entity tag stands in double quotes, like "abc.3".',
                errors=(fault,),
            )
        strong = frozenset(tag for weak, tag in _TAG.findall(header) if not weak)
        return cls(strong)

    def check(self, etag: str) -> None:
        """Refuse the change unless the object still is what the caller saw."""
        if not self.matches_any and etag not in self.tags:
            raise PreconditionFailedError(
                "The object has changed since you read it.",
                hint="Read it again, apply your change to what you find and send the new ETag.",
            )


ANY_REVISION: Final = IfMatch(frozenset(), matches_any=True)
"""For whoever changes an object whatever it has become: `If-Match: *`."""
