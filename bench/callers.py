"""What it costs to know who calls: each kind of credential, beside a bare endpoint."""

import asyncio
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import httpx2

from bench.accounting import counting, cpu_s
from bench.figures import Figure
from bench.floors import TOKEN
from bench.load import send_load, write_request
from bench.reading import floor_server
from muniment.identity.local_issuer import LocalIssuer
from muniment.identity.settings import IdentitySettings
from muniment.kit.clock import SystemClock
from tests.support.product_process import ProductProcess

_COMMAND = Path(sys.executable).with_name("muniment")
_LINK = re.compile(r"(http://127\.0\.0\.1:\d+/auth/local\?code=\S+)")
_ME = "/api/v1/users/me"
_CONCURRENCY = 16
_ROUNDS = 3
_MS = 1000.0


async def measure_callers(product: ProductProcess, *, quick: bool) -> Sequence[Figure]:
    """Measure the authenticated GET with each credential in turn; give the medians.

    Tokens that were not seen before are each sent once: their signature is checked, and what they
    say of their user is compared with what is kept.
    """
    total = 300 if quick else 1_500
    known = [write_request("GET", _ME, await product.token("owner", "member"))]
    ways: Mapping[str, Sequence[Sequence[bytes]]] = {
        "token, known": [known] * (_ROUNDS + 1),
        "token, first time": [
            [write_request("GET", _ME, token) for token in batch]
            for batch in await asyncio.to_thread(_tokens, product, total)
        ],
        "API key": [[write_request("GET", _ME, await _make_key(product))]] * (_ROUNDS + 1),
        "browser session": [[await _sign_in(product)]] * (_ROUNDS + 1),
    }
    spent_ms: dict[str, list[float]] = {name: [] for name in ways}
    floors: list[float] = []
    bare = [write_request("GET", "/me", TOKEN)]
    async with floor_server() as (address, floor):
        for turn in range(_ROUNDS + 1):
            before = cpu_s(floor)
            await send_load(address, bare, concurrency=_CONCURRENCY, total=total)
            floors.append((cpu_s(floor) - before) * _MS / total)
            for name, requests in ways.items():
                with counting(product) as spent:
                    await send_load(
                        product.address, requests[turn], concurrency=_CONCURRENCY, total=total
                    )
                spent_ms[name].append(spent.product_s * _MS / total)
    # The first round warms up.
    floor_ms = median(floors[1:])
    return [
        Figure("GET /users/me", f"CPU, {name}", median(spent[1:]), "ms", floor_ms)
        for name, spent in spent_ms.items()
    ]


def _tokens(product: ProductProcess, number: int) -> list[list[str]]:
    """Make tokens for each round with the key of the product's own issuer."""
    issuer = LocalIssuer.load_or_create(
        product.data_dir / "keys", IdentitySettings(), SystemClock()
    )
    return [
        [issuer.mint("owner", roles=("member",)) for _ in range(number)] for _ in range(_ROUNDS + 1)
    ]


async def _make_key(product: ProductProcess) -> str:
    process = await asyncio.create_subprocess_exec(
        *(_COMMAND, "keys", "create", "--data-dir", product.data_dir, "--name", "bench"),
        *("--scope", "profile:read"),
        env=product.surroundings(),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode().split()[-1]


async def _sign_in(product: ProductProcess) -> bytes:
    """Follow the link that the product printed; write the request with the cookie it gave."""
    log = product.data_dir.with_suffix(".log")
    link = _LINK.search(await asyncio.to_thread(log.read_text, "utf-8"))
    assert link is not None, "no link was printed"
    async with httpx2.AsyncClient() as client:
        answer = await client.get(link[1])
    cookie = answer.headers["set-cookie"].partition(";")[0]
    request = write_request("GET", _ME)
    return request.replace(b"\r\n\r\n", f"\r\nCookie: {cookie}\r\n\r\n".encode())
