import json
import os
from pathlib import Path

import pytest

from muniment.cli.files import find_files, holds_files
from muniment.library.errors import NotAnEditorError
from tests.cli.conftest import Run

KINDS = frozenset({"text/plain", "text/markdown"})
UNREADABLE = Path("/proc/self/mem")
"""A file that everybody may open and nobody may read from its beginning, not even root."""


def stored(home: Path) -> set[Path]:
    return {file for file in (home / "originals").rglob("*") if file.is_file()}


class TestAdd:
    def test_a_folder_is_added_once(self, run: Run, folder: Path) -> None:
        first = run("add", folder, "--collection", "Once")
        assert (first.exit_code, first.stdout) == (0, "2 created\n")
        again = run("add", folder, "--collection", "Once")
        assert (again.exit_code, again.stdout) == (0, "2 unchanged\n")
        (folder / "tides.md").write_text("# Tides\n\nThe tide turns four times in two days.")
        changed = run("add", folder, "--collection", "Once")
        assert (changed.exit_code, changed.stdout) == (0, "1 changed, 1 unchanged\n")

    def test_another_rule_for_known_files_is_told(self, run: Run, folder: Path) -> None:
        assert run("add", folder, "--collection", "Ruled").exit_code == 0
        rule = ("--access", '{"any_of": ["group:/eng"]}')
        assert run("add", folder, "--collection", "Ruled", *rule).stdout == "2 updated\n"
        assert run("add", folder, "--collection", "Ruled", *rule).stdout == "2 unchanged\n"

    def test_an_empty_folder_says_that_there_was_nothing(self, run: Run, tmp_path: Path) -> None:
        result = run("add", tmp_path, "--collection", "Empty")
        assert (result.exit_code, result.stdout) == (0, "nothing to read: no document was found\n")

    def test_what_cannot_be_added_is_named_and_the_rest_is_added(
        self, run: Run, folder: Path
    ) -> None:
        (folder / "empty.txt").touch()
        (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
        (folder / "photo.raw").write_bytes(bytes(range(256)))
        result = run("add", folder, UNREADABLE, "--collection", "Mixed")
        assert result.exit_code == 1
        assert result.stdout == "2 created, 3 failed\n"
        assert "✗ empty.txt: the file is empty" in result.stderr
        assert "✗ mem: it cannot be opened: " in result.stderr
        assert "✗ broken.pdf: " in result.stderr
        assert "photo.raw: skipped, its kind is not read" in result.stderr

    def test_what_is_not_registered_is_not_kept(
        self, run: Run, home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def refuse(*_: object) -> None:
            raise NotAnEditorError

        assert run("add", folder, "--collection", "Refused").exit_code == 0
        before = stored(home)
        assert before
        (folder / "tides.md").write_text("# Tides\n\nThe tide has turned.")
        monkeypatch.setattr("muniment.cli.adding.register", refuse)
        assert run("add", folder, "--collection", "Refused").exit_code == 1
        assert stored(home) == before

    def test_a_file_beyond_the_limit_is_named_and_not_kept(
        self, run: Run, home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = stored(home)
        monkeypatch.setenv("MUNIMENT_UPLOADS__MAX_BYTES", "30")
        result = run("add", folder, "--collection", "Limited")
        assert (result.exit_code, result.stdout) == (1, "1 created, 1 failed\n")
        assert "✗ tides.md: it is larger than the 30 bytes allowed" in result.stderr
        assert len(stored(home) - before) == 1

    @pytest.mark.parametrize(
        ("rule", "told"),
        [
            ("{", "--access is not an access rule"),
            ('{"any_of": ["nobody"]}', "--access is not an access rule: write a principal as"),
            ('{"all": [{"attribute": "size", "eq": 1}]}', "The attribute size is not declared."),
        ],
    )
    def test_a_wrong_access_rule_adds_nothing(
        self, run: Run, folder: Path, rule: str, told: str
    ) -> None:
        result = run("add", folder, "--access", rule)
        assert result.exit_code == 2
        assert told in result.stderr
        assert result.stdout == ""

    def test_a_rule_binds_others_from_the_beginning(self, run: Run, folder: Path) -> None:
        rule = '{"all": [{"attribute": "clearance", "gte": 3}]}'
        assert run("add", folder, "--access", rule, "--collection", "Ruled").exit_code == 0
        [first, *_] = json.loads(run("documents list", "--json", "--collection", "Ruled").stdout)
        assert first["access"]["all"] == [{"attribute": "clearance", "gte": 3}]

    def test_a_path_where_nothing_is_is_wrong_usage(self, run: Run, tmp_path: Path) -> None:
        result = run("add", tmp_path / "nothing")
        assert result.exit_code == 2
        assert "There is no file or folder" in result.stderr

    def test_a_default_collection_of_somebody_else_is_not_ones_own(
        self, run: Run, folder: Path
    ) -> None:
        assert run("add", folder, "--as", "alice").stdout == "2 created\n"
        assert run("add", folder).stdout == "2 created\n"


class TestFindFiles:
    def test_hidden_ones_are_passed_over(self, folder: Path) -> None:
        (folder / ".secret.txt").write_text("x")
        (folder / ".git").mkdir()
        (folder / ".git" / "notes.txt").write_text("x")
        found = find_files([folder], KINDS)
        assert [file.name for file in found.readable] == ["sub/herons.txt", "tides.md"]

    def test_one_that_was_named_twice_is_there_once(self, folder: Path) -> None:
        found = find_files([folder, folder / "tides.md", folder], KINDS)
        assert len(found.readable) == 2

    def test_one_that_was_named_is_refused_with_a_reason(self, folder: Path) -> None:
        odd = folder / "photo.raw"
        odd.write_bytes(bytes(range(256)))
        assert find_files([odd], KINDS).refused == [
            ("photo.raw", "files of the type application/octet-stream are not read")
        ]
        assert find_files([folder], KINDS).skipped == [("photo.raw", "its kind is not read")]

    def test_links_do_not_lead_out_of_a_folder(self, folder: Path) -> None:
        root = folder / "sub"
        (root / ".secret.txt").write_text("x")
        (root / "hidden.txt").symlink_to(".secret.txt")
        (root / "out.txt").symlink_to("../tides.md")
        (root / "away").symlink_to(folder)
        (root / "same.txt").symlink_to("herons.txt")
        found = find_files([root], KINDS)
        assert [file.name for file in found.readable] == ["herons.txt", "same.txt"]
        reason = "a link that leads out of the folder"
        assert found.skipped == [("hidden.txt", reason), ("out.txt", reason)]
        assert find_files([root / "out.txt"], KINDS).readable[0].path == folder / "tides.md"

    def test_a_link_that_takes_the_place_of_a_file_is_not_read(self, folder: Path) -> None:
        [found] = find_files([folder / "sub"], KINDS).readable
        found.path.unlink()
        found.path.symlink_to(folder / "tides.md")
        with pytest.raises(OSError, match="symbolic link"):
            found.open()

    def test_a_hidden_file_does_not_fill_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / ".mounted").touch()
        assert not holds_files(tmp_path)
        assert not holds_files(tmp_path / "nowhere")
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "photo.raw").touch()
        assert holds_files(tmp_path)

    def test_names_are_made_storable(self, tmp_path: Path) -> None:
        (tmp_path / os.fsdecode(b"\xff\x1b[31m.txt")).write_text("x")
        [found] = find_files([tmp_path], KINDS).readable
        assert found.name == "��[31m.txt"
        assert found.uri.endswith("/%FF%1B%5B31m.txt")
