import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, all_pages, name_of

PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*)`")
BASES = (ROOT, ROOT / "src", ROOT / "src" / "muniment")
ELSEWHERE = ("application/", "message/", "text/", "/", "build/")
"""What looks like a path and is none of ours: media types, and folders of whoever runs us."""

PAGES = [page for page in all_pages() if "packages" not in page.parts]


class TestPaths:
    @pytest.mark.parametrize("page", PAGES, ids=name_of)
    def test_every_file_that_a_page_names_exists(self, page: Path) -> None:
        for path in PATH.findall(page.read_text(encoding="utf-8")):
            bases = (*BASES, page.parent)
            known = path.startswith(ELSEWHERE) or any((base / path).exists() for base in bases)
            assert known, f"{name_of(page)} names {path}"
