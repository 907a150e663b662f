"""Word documents (Office Open XML, ECMA-376): body, tables, footnotes; headings by style.

Our own reader on the standard library's zip and expat, because kreuzberg 4.10 drops every `&`,
`<` and `>` of the text. Parts are inflated in slices and counted, document type declarations are
refused (no entities, so no billion laughs and nothing fetched). There are no page numbers: the
file does not hold them, and a wrong page is worse than none.
"""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from xml.parsers.expat import ExpatError

from pydantic import BaseModel, ByteSize, ConfigDict, Field

from muniment.adapters.parsers.canonical import read_bytes, require_text
from muniment.adapters.parsers.wordml import (
    BodyReader,
    PropertiesReader,
    RelationshipsReader,
    StylesReader,
)
from muniment.adapters.parsers.xmlpart import XmlHandler, read_part
from muniment.kit.plugins import PluginFactory
from muniment.ports.parsing import ParsedDocument, ParseError

_OLE_MAGIC = b"\xd0\xcf\x11\xe0"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_SLICE = 65_536
_IS_ENCRYPTED = 0x1
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError)
_BROKEN = (*_ZIP_ERRORS, ExpatError, LookupError, RuntimeError, ValueError, OverflowError)
"""What damage makes zipfile and expat raise: seek errors, unknown encodings, other compressions."""


class DocxParserSettings(BaseModel):
    """Limits of the reader of Word documents."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_inflated: ByteSize = Field(
        default=ByteSize(128 * 2**20),
        description="Most bytes of XML that one document may inflate to; more is a zip bomb.",
    )


class _Package:
    """The zip file with one budget of inflated bytes for everything read from it."""

    def __init__(self, archive: zipfile.ZipFile, budget: int) -> None:
        self._archive = archive
        self._left = budget

    def feed(self, name: str, handler: XmlHandler) -> bool:
        """Read a part into its handler; False when there is no such part."""
        try:
            entry = self._archive.getinfo(name)
        except KeyError:
            return False
        if entry.flag_bits & _IS_ENCRYPTED:
            raise ParseError("encrypted", "The document is encrypted; store it without a password.")
        with self._archive.open(entry) as part:
            read_part(self._slices(part), handler)
        return True

    def _slices(self, part: IO[bytes]) -> Iterator[bytes]:
        while piece := part.read(_SLICE):
            self._left -= len(piece)
            if self._left < 0:
                raise ParseError(
                    "too_large", "The document inflates to more than a document may hold."
                )
            yield piece


class DocxParser:
    """Reads Word documents (.docx)."""

    media_types = frozenset(
        {"application/vnd.openxmlformats-officedocument.wordprocessingml.document"}
    )
    revision = "docx-1"

    def __init__(self, settings: DocxParserSettings) -> None:
        self._settings = settings

    def parse(self, path: Path, _media_type: str, /) -> ParsedDocument:
        """Read a Word document. Raises ParseError."""
        _refuse_old_formats(path)
        try:
            with zipfile.ZipFile(path) as archive:
                return _read(_Package(archive, self._settings.max_inflated))
        except _BROKEN as error:
            raise ParseError(
                "malformed", "The file is damaged or is not a Word document (.docx)."
            ) from error


def _refuse_old_formats(path: Path) -> None:
    raw = read_bytes(path)
    if not raw.startswith(_OLE_MAGIC):
        return
    if _ENCRYPTED_PACKAGE in raw:
        raise ParseError("encrypted", "The document is protected by a password; remove it.")
    raise ParseError("malformed", "This is an old .doc file; save it as .docx.")


def _read(package: _Package) -> ParsedDocument:
    relationships = RelationshipsReader()
    package.feed("_rels/.rels", relationships)
    main = relationships.main_part or "word/document.xml"
    folder = main[: main.rfind("/") + 1]
    styles, properties = StylesReader(), PropertiesReader()
    package.feed(f"{folder}styles.xml", styles)
    package.feed("docProps/core.xml", properties)
    body = BodyReader(styles.levels())
    if not package.feed(main, body):
        raise ParseError("malformed", "The file is a zip archive but not a Word document (.docx).")
    for notes in ("footnotes", "endnotes"):
        package.feed(f"{folder}{notes}.xml", body)
    text, headings = body.flow.finish()
    first = next((text[h.start : h.end] for h in headings), None)
    return ParsedDocument(require_text(text), title=properties.title or first, headings=headings)


PLUGIN = PluginFactory(DocxParserSettings, DocxParser)
