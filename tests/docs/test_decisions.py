import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, name_of, read

FOLDER = ROOT / "docs" / "decisions"
PAGES = sorted(FOLDER.glob("[0-9]*.md"))
SECTIONS = ["Question", "Decision", "Left aside", "Consequences", "Kept true by"]
CITED = re.compile(r"decisions/(\d{4})")


def numbers() -> set[str]:
    return {page.name[:4] for page in PAGES}


class TestPages:
    @pytest.mark.parametrize("page", PAGES, ids=name_of)
    def test_every_page_has_the_shape_of_the_template(self, page: Path) -> None:
        text = page.read_text(encoding="utf-8")
        assert text.count("\n") <= 60
        assert text.startswith(f"# {page.name[:4]} ")
        assert re.search(r"^Status: \w+, \d{4}-\d\d-\d\d$", text, re.MULTILINE)
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS

    def test_every_page_is_listed(self) -> None:
        listed = re.findall(r"\((\d{4}-[\w-]+\.md)\)", read("docs/decisions/README.md"))
        assert listed == [page.name for page in PAGES]

    def test_every_number_that_the_code_cites_exists(self) -> None:
        sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.sql")]
        cited = {n for path in sources for n in CITED.findall(path.read_text(encoding="utf-8"))}
        assert cited
        assert cited <= numbers()


class TestDependencies:
    def test_each_direct_one_has_a_row_with_its_licence(self) -> None:
        page = read("docs/decisions/0012-dependencies.md")
        project = tomllib.loads(read("pyproject.toml"))["project"]
        for requirement in project["dependencies"]:
            name = re.split(r"[\[<>=;~! ]", requirement)[0]
            row = re.search(rf"^\| [^|]*\b{re.escape(name)}\b[^|]*\|.*$", page, re.MULTILINE)
            assert row is not None, name
            major = importlib.metadata.version(name).split(".")[0]
            assert re.search(rf"\b{major}\.", row[0]), f"{name} {major}"

    def test_nothing_pulls_torch(self) -> None:
        for file in ("run.txt", "dev.txt"):
            assert not re.search(
                r"^(torch|transformers|triton)==", read(f"requirements/{file}"), re.MULTILINE
            )

    def test_no_file_names_an_index(self) -> None:
        for path in (ROOT / "requirements").glob("*.txt"):
            assert "://" not in path.read_text(encoding="utf-8"), path.name
