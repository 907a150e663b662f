"""The dry run of `add`: it says what would happen, and then exactly that happens."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, names_in


def foreseen(run: Run, *arguments: str | Path) -> dict[str, str]:
    result = run("add", *arguments, "--dry-run", "--json")
    assert result.exit_code == 0, result.stderr
    return {one["name"]: one["change"] for one in json.loads(result.stdout)}


def stored(home: Path) -> set[Path]:
    return {file for file in (home / "originals").rglob("*") if file.is_file()}


class TestRehearse:
    def test_nothing_is_made_not_even_the_collection(
        self, run: Run, home: Path, folder: Path
    ) -> None:
        before = stored(home)
        result = run("add", folder, "--collection", "Rehearsed", "--dry-run")
        assert (result.exit_code, result.stdout) == (
            0,
            "new: sub/herons.txt\nnew: tides.md\n",
        )
        assert result.stderr == "A dry run, nothing was changed: 2 new.\n"
        assert stored(home) == before
        assert "Rehearsed" not in run("collections list").stdout

    def test_each_kind_of_change_is_foreseen_and_comes_true(
        self, run: Run, home: Path, folder: Path
    ) -> None:
        for name in ("gone", "moved", "same", "edited"):
            (folder / f"{name}.txt").write_text(f"This one is {name}.")
        assert run("add", folder, "--collection", "All").exit_code == 0
        (folder / "gone.txt").unlink()
        (folder / "moved.txt").rename(folder / "sub" / "new name.txt")
        (folder / "edited.txt").write_text("Edited since.")
        (folder / "fresh.txt").write_text("Fresh.")
        (folder / "empty.txt").touch()
        names, files = names_in(run, "All"), stored(home)
        arguments = (folder, "--collection", "All")
        expected = {
            "edited.txt": "changed",
            "empty.txt": "refused",
            "fresh.txt": "new",
            "gone.txt": "removed",
            "same.txt": "unchanged",
            "sub/herons.txt": "unchanged",
            "sub/new name.txt": "renamed",
            "tides.md": "unchanged",
        }
        assert foreseen(run, *arguments, "--prune") == expected
        told = run("add", *arguments, "--prune", "--dry-run").stdout
        assert "renamed: sub/new name.txt (was moved.txt)\n" in told
        assert "refused: empty.txt, the file is empty\n" in told
        assert (names_in(run, "All"), stored(home)) == (names, files)
        result = run("add", *arguments, "--prune")
        done = "1 changed, 1 created, 1 removed, 1 renamed, 3 unchanged, 1 failed\n"
        assert result.stdout == done

    def test_without_pruning_nothing_goes(self, run: Run, folder: Path) -> None:
        assert run("add", folder, "--collection", "Staying").exit_code == 0
        (folder / "tides.md").rename(folder / "ebb.md")
        assert foreseen(run, folder, "--collection", "Staying") == {
            "ebb.md": "new",
            "sub/herons.txt": "unchanged",
        }

    def test_another_rule_or_another_name_is_foreseen(self, run: Run, folder: Path) -> None:
        assert run("add", folder, "--collection", "Rules").exit_code == 0
        rule = ("--access", '{"any_of": ["group:/eng"]}')
        assert foreseen(run, folder, "--collection", "Rules", *rule) == {
            "sub/herons.txt": "updated",
            "tides.md": "updated",
        }
        assert foreseen(run, folder / "sub", "--collection", "Rules") == {"herons.txt": "updated"}

    def test_what_is_too_large_is_foreseen(
        self, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MUNIMENT_UPLOADS__MAX_BYTES", "30")
        assert foreseen(run, folder / "tides.md", "--collection", "Large") == {
            "tides.md": "refused"
        }

    def test_what_pruning_would_refuse_is_refused(self, run: Run, folder: Path) -> None:
        assert run("add", folder, "--collection", "Doubted").exit_code == 0
        for file in (folder / "tides.md", folder / "sub" / "herons.txt"):
            file.unlink()
        result = run("add", folder, "--collection", "Doubted", "--prune", "--dry-run")
        assert (result.exit_code, result.stdout) == (1, "")
        believed = run("add", folder, "--collection", "Doubted", "--prune-all", "--dry-run")
        assert believed.stdout == "removed: sub/herons.txt\nremoved: tides.md\n"
        assert len(names_in(run, "Doubted")) == 2

    def test_json_alone_is_wrong_usage(self, run_alone: Run, folder: Path) -> None:
        result = run_alone("add", folder, "--json")
        assert result.exit_code == 2
        assert "--json goes with --dry-run." in result.stdout
