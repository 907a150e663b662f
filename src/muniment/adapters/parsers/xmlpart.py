"""Reads an XML part slice by slice, without entities and without a tree.

The parts of a zip container are hostile until proven otherwise: a document type declaration is
refused (so there are no entities to expand and nothing to fetch), and depth costs nothing.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import ClassVar
from xml.parsers import expat

from muniment.ports.parsing import ParseError

_LONGEST_TOKEN = 2**20
_RELATIONSHIPS = "/relationships"
_SVG = ":svg-compatible:"


class XmlHandler:
    """Takes the wanted elements of a part; names and attributes come without their namespaces.

    Two kinds keep a prefix, since the same name without it means something else: the identifiers of
    relationships (`r:id`), and the descriptions of drawings (`svg:title`).
    """

    wanted: ClassVar[frozenset[str]]
    """Any other element is passed over: most of a part is layout, and calls are what costs."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Open an element."""

    def end(self, name: str) -> None:
        """Close an element."""

    def text(self, text: str) -> None:
        """Take characters."""


def read_part(pieces: Iterable[bytes], handler: XmlHandler) -> None:
    """Feed a part to its handler. Raises ParseError, and ExpatError when it is not well-formed."""

    def start(name: str, attributes: dict[str, str]) -> None:
        local = _local(name)
        if local in handler.wanted:
            handler.start(local, {_attribute(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        local = _local(name)
        if local in handler.wanted:
            handler.end(local)

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = handler.text
    fed = 0
    for piece in pieces:
        parser.Parse(piece, False)
        fed += len(piece)
        if fed - max(parser.CurrentByteIndex, 0) > _LONGEST_TOKEN:
            # expat reads an unfinished tag anew at each slice: the square of its length.
            raise ParseError("malformed", "The document holds an XML tag of more than a megabyte.")
    parser.Parse(b"", True)


@lru_cache(maxsize=1024)
def _local(name: str) -> str:
    namespace, _, local = name.rpartition(" ")
    return f"svg:{local}" if _SVG in namespace else local


@lru_cache(maxsize=1024)
def _attribute(name: str) -> str:
    namespace, _, local = name.rpartition(" ")
    return f"r:{local}" if namespace.endswith(_RELATIONSHIPS) else local


def _refuse_doctype(*_declaration: object) -> None:
    raise ParseError(
        "malformed", "The document declares XML entities, which no office program writes; refused."
    )
