"""Finds the files that a person means by a list of paths."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from muniment.cli.command import UsageError
from muniment.ports.media_types import HEAD_BYTES, media_type_for


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
    """What is there: files that can be read, and those of kinds that cannot."""

    readable: Sequence[FoundFile]
    skipped: Sequence[Path]


def find_files(paths: Sequence[Path], accepted: Collection[str]) -> FoundFiles:
    """List all files of the paths, folders whole but for hidden entries. Blocks on the disk.

    A file that was named itself is always tried: whoever names it learns why it cannot be read.
    """
    readable: dict[Path, FoundFile] = {}
    skipped: list[Path] = []
    for path in paths:
        for file, name in _walk(path.expanduser().resolve()):
            kind = _media_type(file)
            if kind in accepted or not path.is_dir():
                readable.setdefault(file, FoundFile(file, name, kind))
            else:
                skipped.append(file)
    return FoundFiles(list(readable.values()), skipped)


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


def _media_type(file: Path) -> str:
    with file.open("rb") as stream:
        return media_type_for(file.name, head=stream.read(HEAD_BYTES))
