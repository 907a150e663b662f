"""Clients that generators make of our OpenAPI document walk the main journey for real."""

import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.clients.environments import node_modules, python_environment, run
from tests.support.ci import require_program
from tests.support.product_process import ProductProcess, product_process

HERE = Path(__file__).parent
LAST_WORDS = re.compile(r"^[1-9]\d* true citations$", re.MULTILINE)
# One process of a parallel run does all of these, with one server.
pytestmark = [pytest.mark.xdist_group("clients"), pytest.mark.slow]


@pytest.fixture(scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProductProcess]:
    folder = tmp_path_factory.mktemp("clients") / "product"
    async with product_process(folder, {"MUNIMENT_EMBEDDING__SPACE": "hashing"}) as running:
        yield running


@pytest.fixture(scope="module")
async def token(product: ProductProcess) -> str:
    return await product.token("owner", "member")


@pytest.fixture
async def document(product: ProductProcess, tmp_path: Path) -> Path:
    """The OpenAPI document as a customer gets it: from the running server."""
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"{product.address}/openapi.json")
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(answer.raise_for_status().json()), "utf-8")
    return file


async def test_python_client_walks_the_main_journey(
    product: ProductProcess, token: str, document: Path, tmp_path: Path
) -> None:
    python = await python_environment() / "bin" / "python"
    journey = HERE / "python" / "journey.py"
    await run(
        python.with_name("openapi-python-client"),
        *("generate", "--meta", "none", "--fail-on-warning", "--path", document),
        *("--config", HERE / "python" / "generator.yaml"),
        *("--output-path", tmp_path / "generated" / "muniment_client"),
    )
    found_at = {"PYTHONPATH": str(tmp_path / "generated")}
    await run(
        *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-executable"),
        *(python, "--follow-imports=silent", "--cache-dir", tmp_path / "mypy", journey),
        env=os.environ | {"MYPYPATH": found_at["PYTHONPATH"]},
    )
    said = await run(python, journey, product.address, token, env=os.environ | found_at)
    assert LAST_WORDS.search(said), said


async def test_typescript_client_walks_the_main_journey(
    product: ProductProcess, token: str, document: Path, tmp_path: Path
) -> None:
    node = require_program("node")
    require_program("npm")
    modules = await node_modules()
    work = tmp_path / "typescript"
    shutil.copytree(HERE / "typescript", work, ignore=shutil.ignore_patterns("node_modules"))
    (work / "node_modules").symlink_to(modules)
    await run(node, "generate.mjs", document, "schema.d.ts", cwd=work)
    await run(node, modules / "typescript" / "bin" / "tsc", "--project", ".", cwd=work)
    said = await run(node, Path("compiled") / "journey.js", product.address, token, cwd=work)
    assert LAST_WORDS.search(said), said
