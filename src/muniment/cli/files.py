"""Finds the files that a person means by a list of paths."""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from muniment.cli.command import UsageError
from muniment.ports.media_types import HEAD_BYTES, media_type_for

_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to add: where it is and what it is called there."""

    path: Path
    name: str
    """Its path below the folder that was named; its own name when it was named itself."""
    media_type: str

    @property
    def uri(self) -> str:
        """Identify the file, so that adding it again finds the same document."""
        return self.path.as_uri()


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """What is there: files to add, files of kinds that nobody reads, and those that are refused."""

    readable: list[FoundFile] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Name and reason."""
    folders: list[Path] = field(default_factory=list)
    """The folders that were named, and so looked through to the last file."""


def find_files(paths: Sequence[Path], accepted: Collection[str]) -> FoundFiles:
    """List all files of the paths, folders whole but for hidden entries. Blocks on the disk.

    A file that was named itself is never passed over: whoever names it learns why it is not read.
    Raises UsageError for a path where nothing is.
    """
    found = FoundFiles()
    seen: set[Path] = set()
    for root in (path.expanduser().resolve() for path in paths):
        if root.is_dir():
            found.folders.append(root)
        for file, name in _walk(root):
            if file not in seen:
                seen.add(file)
                _sort_in(found, file, _storable(name), accepted)
    return found


def _sort_in(found: FoundFiles, file: Path, name: str, accepted: Collection[str]) -> None:
    try:
        kind = _media_type(file)
    except OSError as error:
        found.refused.append((name, f"it cannot be opened: {error.strerror}"))
        return
    if kind in accepted:
        found.readable.append(FoundFile(file, name, kind))
    elif any(folder in file.parents for folder in found.folders):
        found.skipped.append(name)
    else:
        found.refused.append((name, f"files of the type {kind} are not read"))


def _walk(root: Path) -> Iterator[tuple[Path, str]]:
    if root.is_file():
        yield root, root.name
        return
    if not root.is_dir():
        raise UsageError(f"There is no file or folder {root}.")
    for file in sorted(root.rglob("*")):
        below = file.relative_to(root)
        if file.is_file() and not any(part.startswith(".") for part in below.parts):
            yield file, below.as_posix()


def _storable(name: str) -> str:
    """Give a name that the library takes: Unicode, without control characters, not too long."""
    text = os.fsencode(name).decode("utf-8", "replace")
    shown = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
    return shown[-_LONGEST_NAME:]


def _media_type(file: Path) -> str:
    with file.open("rb") as stream:
        return media_type_for(file.name, head=stream.read(HEAD_BYTES))
