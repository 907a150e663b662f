"""Reads an XML part slice by slice, without entities and without a tree.

The parts of a zip container are hostile until proven otherwise: a document type declaration is
refused (so there are no entities to expand and nothing to fetch), and depth costs nothing.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import ClassVar
from xml.parsers import expat

from muniment.ports.parsing import ParseError


class XmlHandler:
    """Takes the wanted elements of a part; names and attributes come without their namespaces."""

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
            handler.start(local, {_local(key): value for key, value in attributes.items()})

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
    for piece in pieces:
        parser.Parse(piece, False)
    parser.Parse(b"", True)


@lru_cache(maxsize=1024)
def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _refuse_doctype(*_declaration: object) -> None:
    raise ParseError(
        "malformed", "The document declares XML entities, which no word processor writes; refused."
    )
