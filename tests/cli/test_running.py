"""Starting everything: what is refused before anything begins."""

from pathlib import Path

from tests.cli.conftest import Run


class TestUp:
    def test_documents_where_nothing_is_are_refused_before_anything_starts(
        self, run_alone: Run, tmp_path: Path
    ) -> None:
        home, missing = tmp_path / "home", tmp_path / "does-not-exist"
        result = run_alone("up", "--port", "0", "--docs", missing, "--data-dir", home)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"There is no file or folder {missing}." in " ".join(result.stderr.split())
        assert not (home / "postgres").exists()
