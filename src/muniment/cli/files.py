"""Finds the files that a person means by a list of paths."""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from muniment.cli.command import UsageError
from muniment.ports.media_types import HEAD_BYTES, media_type_for

_LONGEST_NAME = 255
_LONGEST_URI = 2048
"""What the library takes; an index on longer ones would be refused by the database."""
_NOT_SHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Controls, ends of lines, and marks that turn the order of letters around."""
_LEADS_OUT = "a link that leads out of the folder"
_NOT_READ = "its kind is not read"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to add: where it is and what it is called there."""

    path: Path
    name: str
    """Its path below the folder that was named; its own name when it was named itself."""
    media_type: str
    target: Path
    """What is read: the path without any link on the way, so that no link can come in later."""

    @property
    def uri(self) -> str:
        """Identify the file, so that adding it again finds the same document."""
        return self.path.as_uri()

    def open(self) -> BinaryIO:
        """Open what was found, unless a link has taken its place. Blocks on the disk."""
        return _open(self.target)


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """What is there: files to add, files of kinds that nobody reads, and those that are refused."""

    readable: list[FoundFile] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """Name and reason."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Name and reason."""
    folders: list[Path] = field(default_factory=list)
    """The folders that were named, and so looked through to the last file."""


def find_files(paths: Sequence[Path], accepted: Collection[str]) -> FoundFiles:
    """List all files of the paths, folders whole but for hidden entries. Blocks on the disk.

    A file that was named itself is never passed over: whoever names it learns why it is not read.
    It may be a link; one that is met in a folder must not lead to what the folder does not show.
    Raises UsageError for a path where nothing is.
    """
    found = FoundFiles()
    seen: set[Path] = set()
    for root in (path.expanduser().resolve() for path in paths):
        files = list(_walk(root))
        if root.is_dir():
            found.folders.append(root)
        for file, name in files:
            if file not in seen:
                seen.add(file)
                _sort_in(found, root, file, storable_name(name), accepted)
    return found


def require_there(paths: Sequence[Path]) -> None:
    """Refuse a path where nothing is, before anything begins. Raises UsageError. Blocks."""
    for root in (path.expanduser().resolve() for path in paths):
        if not root.exists():
            raise UsageError(f"There is no file or folder {root}.")


def _sort_in(
    found: FoundFiles, root: Path, file: Path, name: str, accepted: Collection[str]
) -> None:
    target = file.resolve()
    if not _is_shown(target, root):
        found.skipped.append((name, _LEADS_OUT))
        return
    try:
        kind = _media_type(target, file.name)
    except OSError as error:
        found.refused.append((name, f"it cannot be opened: {error.strerror}"))
        return
    if kind in accepted and len(file.as_uri()) > _LONGEST_URI:
        found.refused.append((name, "its path is too long"))
    elif kind in accepted:
        found.readable.append(FoundFile(file, name, kind, target))
    elif file != root:
        found.skipped.append((name, _NOT_READ))
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
        if file.is_file() and not _is_hidden(below):
            yield file, below.as_posix()


def holds_files(folder: Path) -> bool:
    """Tell whether there is any file below a folder, hidden ones aside. Blocks on the disk."""
    return folder.is_dir() and any(True for _ in _walk(folder))


def _is_shown(target: Path, root: Path) -> bool:
    """Tell whether a file is the root itself, or below it and not hidden there."""
    return target.is_relative_to(root) and not _is_hidden(target.relative_to(root))


def _is_hidden(below: Path) -> bool:
    return any(part.startswith(".") for part in below.parts)


def storable_name(name: str) -> str:
    """Give a name that the library takes: Unicode, without control characters, not too long.

    White space and joiners stay as they are: words of many scripts are spelt with them.
    """
    text = os.fsencode(name).decode("utf-8", "replace")
    return _NOT_SHOWN.sub("\N{REPLACEMENT CHARACTER}", text)[-_LONGEST_NAME:]


def _media_type(target: Path, name: str) -> str:
    with _open(target) as stream:
        return media_type_for(name, head=stream.read(HEAD_BYTES))


def _open(target: Path) -> BinaryIO:
    # A pipe that took the place of a file would hold the command up for ever without NONBLOCK.
    descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    return os.fdopen(descriptor, "rb")
