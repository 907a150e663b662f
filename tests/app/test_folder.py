import stat
from pathlib import Path

import pytest

from muniment.app.folder import make_data_folder
from muniment.kit.errors import ConfigurationError


class TestMakeDataFolder:
    def test_is_made_for_its_owner_alone(self, tmp_path: Path) -> None:
        make_data_folder(tmp_path / "a" / "data")
        assert stat.S_IMODE((tmp_path / "a" / "data").stat().st_mode) == 0o700

    def test_keeps_the_modes_of_one_that_is_there(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data").chmod(0o750)
        make_data_folder(tmp_path / "data")
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o750

    @pytest.mark.parametrize(
        ("place", "reason"),
        [
            ("file", "File exists"),
            ("file/below", "Not a directory"),
            ("loose", "File exists"),
            ("x" * 300, "File name too long"),
        ],
    )
    def test_says_why_it_cannot_be_made(self, tmp_path: Path, place: str, reason: str) -> None:
        (tmp_path / "file").write_text("")
        (tmp_path / "loose").symlink_to("nothing")
        with pytest.raises(ConfigurationError, match=f"cannot be made: {reason}") as caught:
            make_data_folder(tmp_path / place)
        assert "--data-dir" in f"{caught.value.hint}"
