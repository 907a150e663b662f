"""E-books (EPUB 2 and 3): the chapters in the order of the spine, with their headings.

A chapter is a web page and is read as one, so nothing of it is expanded or fetched. One without a
heading of its own takes that of the table of contents. A book has no pages that all readers share.
"""

import posixpath
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from urllib.parse import unquote

from typing_extensions import override

from muniment.adapters.parsers.canonical import decode, require_text, settle
from muniment.adapters.parsers.container import (
    Container,
    ContainerKind,
    ContainerParser,
    ContainerSettings,
)
from muniment.adapters.parsers.html import read_xhtml, visible_source
from muniment.adapters.parsers.xmlpart import XmlHandler
from muniment.kit.plugins import PluginFactory
from muniment.ports.parsing import Heading, ParsedDocument, ParseError

_KIND = ContainerKind("an e-book", ".epub")
_PAGES = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document"})
_CONTENTS = frozenset({"application/x-dtbncx+xml"})
_HARMLESS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
"""Fonts are only obfuscated; any other encryption hides chapters."""
_BETWEEN = "\n\n"


class _RootReader(XmlHandler):
    wanted = frozenset({"rootfile", "EncryptionMethod"})

    def __init__(self) -> None:
        self.package = ""
        self.is_locked = False

    @override
    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "rootfile":
            self.package = self.package or attributes.get("full-path", "")
        else:
            self.is_locked |= attributes.get("Algorithm") not in _HARMLESS


class _PackageReader(XmlHandler):
    """Reads the package: title, files by their identifiers, and the order of the chapters."""

    wanted = frozenset({"title", "item", "itemref"})

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._title: list[str] = []
        self._in_title = False
        self._kinds: dict[str, tuple[str, str]] = {}
        self.contents: list[str] = []
        self.spine: list[str] = []

    @property
    def title(self) -> str | None:
        return " ".join(settle("".join(self._title)).split()) or None

    @property
    def chapters(self) -> list[str]:
        found = (self._kinds.get(reference, ("", "")) for reference in self.spine)
        return [name for name, kind in found if kind in _PAGES]

    @override
    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "title":
            self._in_title = not self._title
        elif name == "itemref":
            self.spine.append(attributes.get("idref", ""))
        else:
            kind = attributes.get("media-type", "")
            place = resolve(self._folder, attributes.get("href", ""))
            self._kinds[attributes.get("id", "")] = (place, kind)
            if kind in _CONTENTS or "nav" in attributes.get("properties", "").split():
                self.contents.append(place)

    @override
    def end(self, name: str) -> None:
        self._in_title = False

    @override
    def text(self, text: str) -> None:
        if self._in_title:
            self._title.append(text)


class _ContentsReader(HTMLParser):
    """Learns the names of chapters: from `<a href>` of EPUB 3, `<text>` and `<content>` of 2."""

    def __init__(self, folder: str) -> None:
        super().__init__(convert_charrefs=True)
        self._folder = folder
        self._words: list[str] = []
        self._target = ""
        self._is_open = False
        self.names: dict[str, str] = {}

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in {"a", "text"}:
            self._words, self._is_open = [], True
            self._target = found.get("href") or ""
        elif tag == "content":
            self._keep(found.get("src") or "")

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in {"a", "text"}:
            self._is_open = False
        if tag == "a":
            self._keep(self._target)

    @override
    def handle_data(self, data: str) -> None:
        if self._is_open:
            self._words.append(data)

    def _keep(self, target: str) -> None:
        words = " ".join(settle("".join(self._words)).split())
        if words and target:
            self.names.setdefault(resolve(self._folder, target), words)


class EpubParser(ContainerParser):
    """Reads e-books (.epub) without copy protection."""

    media_types = frozenset({"application/epub+zip"})
    revision = "epub-1"
    kind = _KIND

    @override
    def read(self, container: Container) -> ParsedDocument:
        """Read an e-book. Raises ParseError."""
        return _read(container)


def resolve(folder: str, reference: str) -> str:
    """Give the name of the entry that a reference inside the book means."""
    place = unquote(reference.partition("#")[0])
    return posixpath.normpath(posixpath.join("/", folder, place)).lstrip("/")


def _read(container: Container) -> ParsedDocument:
    root = _RootReader()
    if not container.feed("META-INF/container.xml", root):
        raise _KIND.lacks_parts()
    container.feed("META-INF/encryption.xml", root)
    if root.is_locked:
        raise ParseError(
            "encrypted", "The e-book is copy-protected; only its owner's reader opens it."
        )
    package = _PackageReader(posixpath.dirname(root.package))
    if not container.feed(root.package, package):
        raise _KIND.lacks_parts()
    book = _Book(_names_of_chapters(container, package.contents))
    for chapter in package.chapters:
        source = container.read(chapter)
        if source:
            book.add(chapter, read_xhtml(decode(source)))
    text = require_text(_BETWEEN.join(book.texts))
    return ParsedDocument(text, title=package.title, headings=tuple(book.headings))


def _names_of_chapters(container: Container, contents: Sequence[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for part in contents:
        reader = _ContentsReader(posixpath.dirname(part))
        reader.feed(visible_source(decode(container.read(part) or b"")))
        reader.close()
        names = reader.names | names
    return names


class _Book:
    """Puts the chapters one after the other and moves their headings along."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._length = 0
        self.texts: list[str] = []
        self.headings: list[Heading] = []

    def add(self, place: str, chapter: ParsedDocument) -> None:
        """Add a chapter, under its name in the table of contents when it has no heading."""
        if not chapter.text.strip():
            return
        name = self._names.get(place, "")
        if name and not chapter.headings:
            start = self._append(name)
            self.headings.append(Heading(start, start + len(name), 1))
        start = self._append(chapter.text)
        self.headings += [
            Heading(start + h.start, start + h.end, h.level) for h in chapter.headings
        ]

    def _append(self, text: str) -> int:
        start = self._length + (len(_BETWEEN) if self.texts else 0)
        self.texts.append(text)
        self._length = start + len(text)
        return start


PLUGIN = PluginFactory(ContainerSettings, EpubParser)
