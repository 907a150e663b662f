"""The pages of the documentation, and what stands in them."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FOLDERS = ("docs", "changelog.d", "packages")


def all_pages() -> list[Path]:
    """Every Markdown page that a reader may come upon; the example documents are none of them."""
    below = (page for folder in _FOLDERS for page in (ROOT / folder).rglob("*.md"))
    return sorted([*ROOT.glob("*.md"), ROOT / "examples" / "README.md", *below])


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def code_blocks(text: str, language: str) -> Iterator[str]:
    for found in _FENCE.finditer(text):
        if found[1] == language:
            yield found[2]


def without_code_blocks(text: str) -> str:
    return _FENCE.sub("", text)
