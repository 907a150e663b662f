"""What `muniment up` prints signs its user in with a browser, and no log repeats it."""

import re
from pathlib import Path

import httpx2
import pytest

from tests.support.product_process import product_process

HASHING = {"MUNIMENT_EMBEDDING__SPACE": "hashing", "MUNIMENT_DATABASE__EMBEDDED_FSYNC": "false"}
pytestmark = [pytest.mark.xdist_group("kill"), pytest.mark.slow]


async def test_the_printed_link_signs_in_once(tmp_path: Path) -> None:
    async with product_process(tmp_path / "product", HASHING) as product:
        log = product.data_dir.with_suffix(".log")
        found = re.search(
            rf"{re.escape(product.address)}/auth/local\?code=([\w-]{{43}})", log.read_text("utf-8")
        )
        assert found is not None, log.read_text("utf-8")
        async with httpx2.AsyncClient() as browser:
            arrived = await browser.get(found[0])
            me = await browser.get(f"{product.address}/api/v1/users/me")
            again = await browser.get(found[0])
        assert (arrived.status_code, me.json()["subject"]) == (302, "owner")
        assert again.status_code == 410
        assert log.read_text("utf-8").count(found[1]) == 1
