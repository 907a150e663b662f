"""Zip containers of office documents and e-books: named parts, inflated under one budget.

Nothing is ever written to disk, so a path in the name of an entry leads nowhere. Only the parts
that are asked for are inflated; the pictures and films of a document cost nothing.
"""

import lzma
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar
from xml.parsers.expat import ExpatError

from pydantic import BaseModel, ByteSize, ConfigDict, Field

from muniment.adapters.parsers.canonical import read_bytes
from muniment.adapters.parsers.xmlpart import XmlHandler, read_part
from muniment.ports.parsing import ParsedDocument, ParseError

_OLE_MAGIC = b"\xd0\xcf\x11\xe0"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_ENTRY_MARK = b"PK\x01\x02"
_MAX_ENTRIES = 10_000
_SLICE = 65_536
_LONGEST_WHOLE = 32 * 2**20
"""A web page of this length is held in memory about five times while it is read."""
_IS_ENCRYPTED = 0x1
_MAX_RATIO = 400
"""Deflate ends at 1,032; sheets of equal rows come to about 100."""
_RATIO_FROM = 8 * 2**20
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError)
_BROKEN = (*_ZIP_ERRORS, ExpatError, LookupError, RuntimeError, ValueError, OverflowError)
"""What damage makes zipfile and expat raise: seek errors, unknown encodings and the like."""


class ContainerSettings(BaseModel):
    """Limits of a reader of zip containers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_inflated: ByteSize = Field(
        default=ByteSize(128 * 2**20),
        description="Most bytes that the parts of a document may inflate to; more is a zip bomb.",
    )


@dataclass(frozen=True, slots=True)
class ContainerKind:
    """What a container should be, in the words of a failure."""

    name: str
    """With its article: `a Word document`."""
    ending: str
    old_ending: str | None = None
    """The ending of the format that an older program wrote instead of a zip container."""

    def malformed(self) -> ParseError:
        """Make the error of a file that is damaged or something else."""
        return ParseError(
            "malformed", f"The file is damaged or is not {self.name} ({self.ending})."
        )

    def lacks_parts(self) -> ParseError:
        """Make the error of a sound container of another kind."""
        return ParseError(
            "malformed", f"The file is a zip archive but not {self.name} ({self.ending})."
        )


class Container:
    """A zip file with one budget of inflated bytes for everything read from it."""

    def __init__(self, archive: zipfile.ZipFile, budget: int) -> None:
        self._archive = archive
        self._left = budget

    def feed(self, name: str, handler: XmlHandler) -> bool:
        """Read an XML part into its handler; False when there is no such part."""
        entry = self._find(name)
        if entry is None:
            return False
        with self._archive.open(entry) as part:
            read_part(self._slices(part, entry.compress_size), handler)
        return True

    def read(self, name: str) -> bytes | None:
        """Read a part whole; None when there is no such part."""
        entry = self._find(name)
        if entry is None:
            return None
        if entry.file_size > _LONGEST_WHOLE:
            raise _too_large()
        with self._archive.open(entry) as part:
            return b"".join(self._slices(part, entry.compress_size))

    def _find(self, name: str) -> zipfile.ZipInfo | None:
        try:
            entry = self._archive.getinfo(name)
        except KeyError:
            return None
        if entry.flag_bits & _IS_ENCRYPTED:
            raise encrypted()
        if entry.file_size > self._left:
            raise _too_large()
        return entry

    def _slices(self, part: IO[bytes], packed: int) -> Iterator[bytes]:
        inflated = 0
        while piece := part.read(_SLICE):
            inflated += len(piece)
            self._left -= len(piece)
            if self._left < 0 or inflated > max(_RATIO_FROM, packed * _MAX_RATIO):
                raise _too_large()
            yield piece


class ContainerParser(ABC):
    """Reads one kind of container; what makes the kinds differ is their `read`."""

    media_types: ClassVar[frozenset[str]]
    revision: ClassVar[str]
    kind: ClassVar[ContainerKind]

    def __init__(self, settings: ContainerSettings) -> None:
        self._settings = settings

    def parse(self, path: Path, _media_type: str, /) -> ParsedDocument:
        """Open the file and read it. Raises ParseError."""
        with open_container(path, self._settings, self.kind) as container:
            return self.read(container)

    @abstractmethod
    def read(self, container: Container) -> ParsedDocument:
        """Read an open container. Raises ParseError."""


def encrypted() -> ParseError:
    """Make the error of a document that opens with a password only."""
    return ParseError("encrypted", "The document is protected by a password; remove it.")


@contextmanager
def open_container(
    path: Path, settings: ContainerSettings, kind: ContainerKind
) -> Iterator[Container]:
    """Open a container; whatever damage makes the readers raise inside ends as a ParseError."""
    _refuse_from_outside(path, kind)
    try:
        with zipfile.ZipFile(path) as archive:
            yield Container(archive, settings.max_inflated)
    except _BROKEN as error:
        raise kind.malformed() from error


def _refuse_from_outside(path: Path, kind: ContainerKind) -> None:
    """Refuse what can be told without opening the archive: its list of entries costs memory."""
    raw = read_bytes(path)
    if raw.startswith(_OLE_MAGIC):
        if _ENCRYPTED_PACKAGE in raw:
            raise encrypted()
        if kind.old_ending is not None:
            raise ParseError(
                "malformed", f"This is an old {kind.old_ending} file; save it as {kind.ending}."
            )
    if raw.count(_ENTRY_MARK) > _MAX_ENTRIES:
        raise ParseError(
            "too_large", f"The document is an archive of more than {_MAX_ENTRIES} files."
        )


def _too_large() -> ParseError:
    return ParseError("too_large", "The document inflates to more than a document may hold.")
