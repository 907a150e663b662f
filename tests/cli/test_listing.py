"""Lists: complete however long, in one order, and as the API shows each entry."""

import json
from pathlib import Path

import pytest

from muniment.library.schemas.collections import CollectionRead
from muniment.library.schemas.documents import DocumentRead
from tests.cli.conftest import Run


def names(run: Run, *options: str) -> list[str]:
    listed = json.loads(run("documents list", "--json", *options).stdout)
    return [document["name"] for document in listed]


@pytest.fixture(scope="module")
def two_collections(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Documents of one user, added by turns to two collections; the last one cannot be read."""
    folder = tmp_path_factory.mktemp("turns")
    files = [folder / f"{number}.txt" for number in (1, 2, 3)]
    for number, file in enumerate(files, 1):
        file.write_text(f"Number {number}.")
    broken = folder / "4.pdf"
    broken.write_bytes(b"%PDF-1.7 and nothing more")
    owner = ("--as", "lister")
    assert run("add", files[0], "--collection", "First", *owner).exit_code == 0
    assert run("add", files[1], "--collection", "Second", *owner).exit_code == 0
    assert run("add", files[2], broken, "--collection", "First", *owner).exit_code == 1


@pytest.mark.usefixtures("two_collections")
class TestDocuments:
    def test_of_all_collections_come_newest_first(self, run: Run) -> None:
        assert names(run, "--as", "lister") == ["4.pdf", "3.txt", "2.txt", "1.txt"]

    def test_of_one_collection_are_that_ones_alone(self, run: Run) -> None:
        assert names(run, "--as", "lister", "--collection", "Second") == ["2.txt"]

    def test_are_all_there_however_many_pages_they_fill(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("muniment.cli.paging.MAX_LIMIT", 1)
        assert names(run, "--as", "lister") == ["4.pdf", "3.txt", "2.txt", "1.txt"]

    def test_are_shown_with_what_became_of_them(self, run: Run) -> None:
        shown = run("documents list", "--as", "lister", "--collection", "First")
        rows = [line.split() for line in shown.stdout.splitlines()]
        assert rows[0] == ["id", "name", "status", "version", "chunks", "error"]
        assert [row[1:] for row in rows[1:]] == [
            ["4.pdf", "failed", "1", "0", "malformed"],
            ["3.txt", "ready", "1", "1"],
            ["1.txt", "ready", "1", "1"],
        ]

    def test_with_long_names_stay_on_one_line_each(self, run: Run, tmp_path: Path) -> None:
        name = f"{'long ' * 40}name.txt"
        (tmp_path / name).write_text("Words.")
        assert run("add", tmp_path, "--collection", "Long", "--as", "long").exit_code == 0
        shown = run("documents list", "--as", "long", "--collection", "Long").stdout.splitlines()
        assert len(shown) == 2
        assert name in shown[1]

    def test_are_what_the_api_shows_its_editors(self, run: Run) -> None:
        listed = json.loads(run("documents list", "--as", "lister", "--json").stdout)
        for document in listed:
            assert document.keys() == DocumentRead.model_fields.keys()
            DocumentRead.model_validate(document)
        assert listed[0]["error"]["code"] == "malformed"

    def test_of_others_are_not_shown_even_to_an_admin(self, run: Run) -> None:
        assert not {"1.txt", "4.pdf"} & set(names(run))
        assert names(run, "--as", "nosy") == []


@pytest.mark.usefixtures("two_collections")
class TestCollections:
    def test_are_what_the_api_shows(self, run: Run) -> None:
        listed = json.loads(run("collections list", "--as", "lister", "--json").stdout)
        assert [(one["name"], one["role"]) for one in listed] == [
            ("First", "owner"),
            ("Second", "owner"),
        ]
        assert all(one.keys() == CollectionRead.model_fields.keys() for one in listed)


@pytest.mark.usefixtures("two_collections")
class TestRemove:
    def test_needs_the_right_to_change_it(self, run: Run) -> None:
        [first, *_] = json.loads(run("documents list", "--as", "lister", "--json").stdout)
        for user in ("thief", "owner"):
            result = run("documents rm", first["id"], "--as", user)
            assert (result.exit_code, result.stdout) == (1, "")
            assert "There is no document with this id" in result.stderr
        assert first["name"] in names(run, "--as", "lister")
