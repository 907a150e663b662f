"""Files that were renamed: their documents go along."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from muniment.cli.files import FoundFile
from muniment.cli.mirroring import pair
from muniment.cli.pruning import Known
from muniment.library.models import Document
from tests.cli.conftest import Run, names_in

A, B = b"a" * 32, b"b" * 32


def documents(run: Run, collection: str) -> dict[str, dict[str, object]]:
    listed = json.loads(run("documents list", "--json", "--collection", collection).stdout)
    return {document["name"]: document for document in listed}


def known(path: str, number: int) -> Known:
    return Known(Document(id=UUID(int=number)), Path(path))


def found(path: str) -> FoundFile:
    return FoundFile(Path(path), path, "text/plain", Path(path))


def pairs(gone: list[tuple[Known, bytes]], fresh: list[tuple[FoundFile, bytes]]) -> dict[str, int]:
    return {move.file.name: move.document.id.int for move in pair(gone, fresh)}


class TestPair:
    def test_equal_bytes_belong_together_and_others_do_not(self) -> None:
        gone = [(known("/a", 1), A), (known("/b", 2), B)]
        assert pairs(gone, [(found("/c"), B), (found("/d"), b"c" * 32)]) == {"/c": 2}

    def test_the_same_last_name_comes_first_then_the_folder_then_the_order(self) -> None:
        gone = [
            *((known("/x/1.txt", 1), A), (known("/x/2.txt", 2), A)),
            *((known("/y/3.txt", 3), A), (known("/z/4.txt", 4), A)),
        ]
        fresh = [(found(path), A) for path in ("/n/2.txt", "/y/new.txt", "/q/b", "/q/a", "/q/c")]
        expected = {"/n/2.txt": 2, "/y/new.txt": 3, "/q/a": 1, "/q/b": 4}
        assert pairs(gone, fresh) == expected
        assert pairs(gone[::-1], fresh[::-1]) == expected

    @pytest.mark.parametrize(
        ("files", "expected"),
        [
            (["/new/plan.txt", "/new/pay.txt"], {"/new/plan.txt": 1, "/new/pay.txt": 2}),
            (["/new/a/plan.txt", "/old/b/plan.txt"], {}),
            (["/new/x/plan.txt", "/new/y/plan.txt"], {"/new/x/plan.txt": 1}),
            (["/old/x/other.txt"], {}),
            ([], {}),
        ],
    )
    def test_equal_documents_under_different_rules_are_never_mixed_up(
        self, files: list[str], expected: dict[str, int]
    ) -> None:
        gone = [(known("/old/x/plan.txt", 1), A), (known("/old/z/pay.txt", 2), A)]
        gone[1][0].document.rule = {"any_of": ["group:/board"]}
        fresh = [(found(path), A) for path in files]
        assert pairs(gone, fresh) == expected
        assert pairs(gone[::-1], fresh[::-1]) == expected

    def test_a_name_that_two_rules_claim_is_nobodys(self) -> None:
        gone = [(known("/old/x/plan.txt", 1), A), (known("/old/y/plan.txt", 2), A)]
        gone[1][0].document.rule = {"any_of": ["group:/board"]}
        assert pairs(gone, [(found("/new/plan.txt"), A)]) == {}
        assert pairs(gone, [(found("/new/y/plan.txt"), A)]) == {"/new/y/plan.txt": 2}


class TestRename:
    def test_a_document_goes_with_its_file(self, run: Run, folder: Path) -> None:
        assert run("add", folder, "--collection", "Renamed").exit_code == 0
        before = documents(run, "Renamed")["sub/herons.txt"]
        (folder / "deep").mkdir()
        (folder / "sub" / "herons.txt").rename(folder / "deep" / "birds.txt")
        result = run("add", folder, "--prune", "--collection", "Renamed")
        assert (result.exit_code, result.stdout) == (0, "1 renamed, 1 unchanged\n")
        after = documents(run, "Renamed")
        assert after.keys() == {"deep/birds.txt", "tides.md"}
        same = after["deep/birds.txt"]
        assert same["uri"] == (folder / "deep" / "birds.txt").as_uri()
        for kept in ("id", "version", "ready_version", "chunks", "status"):
            assert same[kept] == before[kept]

    def test_a_whole_folder_that_was_renamed_is_not_taken_for_gone(
        self, run: Run, folder: Path
    ) -> None:
        for number in range(4):
            (folder / "sub" / f"{number}.txt").write_text("The same in all of them.")
        assert run("add", folder, "--collection", "Moved").exit_code == 0
        before = {name: one["id"] for name, one in documents(run, "Moved").items()}
        (folder / "sub").rename(folder / "other")
        result = run("add", folder, "--prune", "--collection", "Moved")
        assert (result.exit_code, result.stdout) == (0, "5 renamed, 1 unchanged\n")
        after = {name: one["id"] for name, one in documents(run, "Moved").items()}
        assert after == {name.replace("sub/", "other/"): one for name, one in before.items()}

    def test_another_kind_of_the_same_bytes_is_read_anew(self, run: Run, folder: Path) -> None:
        assert run("add", folder, "--collection", "Kinds").exit_code == 0
        before = documents(run, "Kinds")["sub/herons.txt"]
        (folder / "sub" / "herons.txt").rename(folder / "sub" / "herons.md")
        result = run("add", folder, "--prune", "--collection", "Kinds")
        assert result.stdout == "1 changed, 1 unchanged\n"
        after = documents(run, "Kinds")["sub/herons.md"]
        assert (after["id"], after["version"]) == (before["id"], 2)

    def test_without_pruning_a_copy_is_a_document_of_its_own(self, run: Run, folder: Path) -> None:
        assert run("add", folder, "--collection", "Kept").exit_code == 0
        (folder / "sub" / "herons.txt").rename(folder / "birds.txt")
        assert run("add", folder, "--collection", "Kept").stdout == "1 created, 1 unchanged\n"
        assert names_in(run, "Kept") == {"birds.txt", "sub/herons.txt", "tides.md"}

    def test_a_copy_beside_the_original_is_new(self, run: Run, folder: Path) -> None:
        assert run("add", folder, "--collection", "Copied").exit_code == 0
        (folder / "copy.md").write_text((folder / "tides.md").read_text())
        result = run("add", folder, "--prune", "--collection", "Copied")
        assert result.stdout == "1 created, 2 unchanged\n"

    def test_what_cannot_be_read_now_is_no_rename(
        self, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert run("add", folder, "--collection", "Unread").exit_code == 0
        (folder / "tides.md").rename(folder / "ebb.md")
        monkeypatch.setattr("muniment.cli.mirroring.hash_of", lambda _file: None)
        result = run("add", folder, "--prune", "--collection", "Unread")
        assert result.stdout == "1 created, 1 removed, 1 unchanged\n"
