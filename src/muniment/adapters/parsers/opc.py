"""What all Office Open XML packages share (ECMA-376 part 2): relationships and properties."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from muniment.adapters.parsers.canonical import settle
from muniment.adapters.parsers.container import Container
from muniment.adapters.parsers.xmlpart import XmlHandler

_OFFICE_DOCUMENT = "/officeDocument"


@dataclass(frozen=True, slots=True)
class Relationship:
    """A part that another part points to: under which name, what for, and where it lies."""

    id: str
    kind: str
    target: str


class _RelationshipsReader(XmlHandler):
    wanted = frozenset({"Relationship"})

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.found: list[Relationship] = []

    @override
    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        target = attributes.get("Target", "")
        if attributes.get("TargetMode") == "External" or not target:
            return
        # A target above the top of the package is the name of no part.
        place = posixpath.normpath(posixpath.join("/", self._folder, target)).lstrip("/")
        self.found.append(Relationship(attributes.get("Id", ""), attributes.get("Type", ""), place))


class TitleReader(XmlHandler):
    """Finds the title in the properties of a document (Dublin Core)."""

    wanted = frozenset({"title"})

    def __init__(self) -> None:
        self._inside = False
        self._words: list[str] = []

    @property
    def title(self) -> str | None:
        """The title, when there is one."""
        return " ".join(settle("".join(self._words)).split()) or None

    @override
    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._inside = not self._words

    @override
    def end(self, name: str) -> None:
        self._inside = False

    @override
    def text(self, text: str) -> None:
        if self._inside:
            self._words.append(text)


def relationships_of(container: Container, part: str) -> list[Relationship]:
    """Give the inner relationships of a part; of the package itself when the part is empty."""
    folder, name = posixpath.split(part)
    reader = _RelationshipsReader(folder)
    container.feed(posixpath.join(folder, "_rels", f"{name}.rels"), reader)
    return reader.found


def main_part(container: Container, usual: str) -> str:
    """Give the name of the main part, or the usual one when the package does not say."""
    found = [r.target for r in relationships_of(container, "") if r.kind.endswith(_OFFICE_DOCUMENT)]
    return found[-1] if found else usual


def title_of(container: Container) -> str | None:
    """Give the title that the properties of the package state."""
    reader = TitleReader()
    container.feed("docProps/core.xml", reader)
    return reader.title
