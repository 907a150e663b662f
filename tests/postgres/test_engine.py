from pathlib import Path

import pytest
from pydantic import SecretStr

from muniment.kit.operational import find_operational_rule
from muniment.postgres.engine import create_engine
from muniment.postgres.settings import DatabaseSettings


class TestCreateEngine:
    @pytest.mark.parametrize("where", ["127.0.0.1:1/x", "/x?host={folder}"])
    async def test_a_server_that_does_not_run_is_trouble_that_passes(
        self, tmp_path: Path, where: str
    ) -> None:
        address = SecretStr(f"postgresql://app:secret@{where.format(folder=tmp_path)}")
        engine = create_engine(address, DatabaseSettings(), application="test")
        with pytest.raises(ConnectionError) as caught:
            async with engine.connect():
                pass
        rule = find_operational_rule(caught.value)
        assert rule is not None
        assert rule.name == "connection_lost"
        await engine.dispose()
