import re
from pathlib import Path

import pytest

from tests.docs.pages import all_pages, name_of, without_code_blocks

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    titles = HEADING.findall(without_code_blocks(page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


class TestLinks:
    @pytest.mark.parametrize("page", all_pages(), ids=name_of)
    def test_every_relative_link_leads_somewhere(self, page: Path) -> None:
        text = without_code_blocks(page.read_text(encoding="utf-8"))
        for link in LINK.findall(text):
            if link.startswith(("https://", "http://", "mailto:")):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), f"{name_of(page)} links to {link}"
            assert not anchor or anchor in anchors(target), f"{name_of(page)} links to {link}"

    def test_there_are_pages(self) -> None:
        names = {name_of(page) for page in all_pages()}
        assert {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"} <= names

    def test_the_front_pages_are_short(self) -> None:
        limits = {"README.md": 150, "ARCHITECTURE.md": 200}
        for page in all_pages():
            lines = page.read_text(encoding="utf-8").count("\n")
            assert lines <= limits.get(name_of(page), 400), name_of(page)
