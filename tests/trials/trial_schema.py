"""The whole OpenAPI document, tried by schemathesis: whatever is sent, answers are as it says.

With rights, without a role, and without signing in; SCHEMA_SEED=7 draws the same again.
"""

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest

from tests.support.product_process import product_process

COMMAND = Path(sys.executable).with_name("schemathesis")
CONFIG = Path(__file__).with_name("schemathesis.toml")
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance"),
    *("negative_data_rejection", "missing_required_header", "unsupported_method", "ignored_auth"),
)
UNLIMITED = {
    f"MUNIMENT_SERVER__RATE_LIMITS__PER_{name}": "0" for name in ("PRINCIPAL", "KEY", "ADDRESS")
}
pytestmark = pytest.mark.timeout(1200)


async def run(address: str, token: str | None, seed: int) -> tuple[int, str]:
    """Let it try every operation; give its exit code and what it printed."""
    signed_in = () if token is None else ("-H", f"Authorization: Bearer {token}")
    process = await asyncio.create_subprocess_exec(
        *(COMMAND, "--config-file", CONFIG, "run", f"{address}/openapi.json", *signed_in),
        *("--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS)),
        *("--max-examples", "15", "--no-shrink", "--continue-on-failure", "--seed", str(seed)),
        *("--request-timeout", "30", "--suppress-health-check", "all", "--warnings", "off"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    code = process.returncode
    assert code is not None
    return code, printed.decode()


def _seed() -> int:
    """Draw a seed; in CI always the same one: what others find is found at a developer's desk."""
    return 1 if os.environ.get("CI") else random.SystemRandom().randrange(2**31)


@pytest.mark.parametrize("roles", [("member", "admin"), (), None], ids=["all", "no role", "nobody"])
async def test_answers_are_as_the_document_says(
    tmp_path: Path, roles: tuple[str, ...] | None
) -> None:
    seed = int(os.environ.get("SCHEMA_SEED") or _seed())
    settings = {"MUNIMENT_EMBEDDING__SPACE": "hashing", **UNLIMITED}
    async with product_process(tmp_path / "product", settings) as product:
        token = None if roles is None else await product.token("fuzz", *roles)
        code, printed = await run(product.address, token, seed)
    sys.stdout.write(printed[-1500:])
    assert code == 0, f"seed {seed}\n{printed[:20_000]}"
