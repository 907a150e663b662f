from pathlib import Path

import pytest
from blockbuster import BlockingError

from muniment.app.folder import make_data_folder
from tests.support.blocking import GUARDED, blocking_refused


class TestBlockingRefused:
    async def test_tells_a_blocking_call_of_ours(self, tmp_path: Path) -> None:
        with blocking_refused(), pytest.raises(BlockingError, match=r"os\."):
            make_data_folder(tmp_path / "new")

    def test_lets_it_pass_where_nobody_waits(self, tmp_path: Path) -> None:
        with blocking_refused():
            make_data_folder(tmp_path / "new")

    def test_the_guarded_folders_exist(self) -> None:
        tests = Path(__file__).parents[1]
        assert {path.name for path in tests.iterdir()} >= GUARDED
