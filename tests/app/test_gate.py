import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ipaddress import IPv6Network
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from starlette.types import ASGIApp, Message, Scope

from muniment.app.gate import PROBES, HostNames, counted_as
from muniment.app.server_settings import ServerSettings
from muniment.app.settings import Settings
from muniment.kit.errors import UnavailableError
from tests.support.api_keys import make_key
from tests.support.app import BASE_URL, UNLIMITED
from tests.support.callers import ADMIN, MEMBER, CallerSpec, bearer
from tests.support.database import TestDatabase
from tests.support.demo_app import create_demo_app
from tests.support.http_server import http_server
from tests.support.problem_walk import assert_problem, walk_routes
from tests.support.whole_product import WholeProduct, whole_product

ME = "/api/v1/users/me"
ALICE, BOB = CallerSpec("alice", (*MEMBER, *ADMIN)), CallerSpec("bob")
BAD = {"Authorization": "Bearer not.a.token"}


def server_of(**settings: object) -> ServerSettings:
    return ServerSettings.model_validate(settings)


class TestHostNames:
    @pytest.mark.parametrize(
        "host",
        [
            *(b"localhost", b"LOCALHOST:8000", b"127.0.0.1", b"127.0.0.1:1", b"[::1]", b"[::1]:80"),
            *(b"localhost.", b"[0:0:0:0:0:0:0:1]:8000"),
        ],
    )
    def test_know_the_loopback(self, host: bytes) -> None:
        assert HostNames(server_of()).know(host)

    @pytest.mark.parametrize(
        "host",
        [
            *(b"", b":", b"evil.example", b"localhost.evil.example", b"evil.example:127.0.0.1"),
            *(b"127.0.0.1.evil.example", b"127.0.0.2", b"0.0.0.0", b"[::]", b"[::1]evil.example"),
            *(b"[::1", b"::1", b"localhost:80@evil.example", b"user@localhost", b"localhost:80:80"),
            *(b"localhost, evil.example", b"localhost evil", b"localhost/", b"\xff", b"2130706433"),
            b"a" * 70_000,
        ],
    )
    def test_know_nothing_else(self, host: bytes) -> None:
        assert not HostNames(server_of()).know(host)

    def test_know_what_the_settings_name(self) -> None:
        names = HostNames(
            server_of(
                host="10.0.0.5",
                public_url="https://Ask.Example.com:8443",
                allowed_hosts=["muniment.internal", "2001:DB8::1"],
            )
        )
        for host in (b"10.0.0.5:8000", b"ask.example.com", b"muniment.internal", b"[2001:db8::1]"):
            assert names.know(host), host
        for host in (b"example.com", b"sub.ask.example.com", b"10.0.0.6"):
            assert not names.know(host), host

    @pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - what is tested
    def test_every_address_is_no_name(self, host: str) -> None:
        names = HostNames(server_of(host=host))
        assert not names.know(b"0.0.0.0:8000")
        assert not names.know(b"[::]:8000")

    @pytest.mark.parametrize("name", ["*", "a/b", "https://a", "", "a b"])
    def test_a_name_that_is_none_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="allowed_hosts"):
            server_of(allowed_hosts=[name])


class TestCountedAs:
    def test_an_address_of_version_4_stands_for_itself(self) -> None:
        assert counted_as("192.0.2.7") == counted_as("::ffff:192.0.2.7") == "192.0.2.7"
        assert counted_as("192.0.2.7") != counted_as("192.0.2.8")

    def test_one_of_version_6_stands_for_its_network(self) -> None:
        assert counted_as("2001:db8::1") == counted_as("2001:db8::ffff:1:2:3")
        assert counted_as("2001:db8::1") == IPv6Network("2001:db8::/64")
        assert counted_as("2001:db8::1") != counted_as("2001:db8:0:1::1")

    def test_what_is_none_stands_for_itself(self) -> None:
        assert counted_as("unknown") == "unknown"


@asynccontextmanager
async def product_with(
    database: TestDatabase, folder: Path, **limits: tuple[float, int]
) -> AsyncIterator[WholeProduct]:
    """Open the product with some limits, each as rate and burst; the others are off."""
    given = {name: rate for name, (rate, _) in limits.items()}
    given |= {f"{name}_burst": burst for name, (_, burst) in limits.items()}
    server = {"rate_limits": {**UNLIMITED["rate_limits"], **given}}
    async with whole_product(database, folder, server=server) as product:
        yield product


async def statuses(client: httpx2.AsyncClient, times: int, path: str = ME) -> list[int]:
    return [(await client.get(path)).status_code for _ in range(times)]


class TestHost:
    async def test_an_unknown_one_is_refused_by_every_route_but_probes(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with whole_product(migrated, tmp_path) as product, product.client(ALICE) as client:
            routes = list(walk_routes(product.api))
            for route in routes:
                response = await client.request(
                    min(route.methods),
                    route.address(str(UUID(int=1))),
                    headers={"Host": "evil.example"},
                )
                if route.path in PROBES:
                    assert response.status_code in {200, 503}
                elif route.methods == {"HEAD"}:
                    assert response.status_code == 400
                else:
                    assert assert_problem(response, 400)["code"] == "unknown_host"
                    assert "evil.example" not in response.text
            assert {route.path for route in routes} >= PROBES
            assert len(routes) > 30

    async def test_none_or_two_are_refused(self) -> None:
        app = create_demo_app()
        for hosts in ([], [b"127.0.0.1", b"127.0.0.1"], [b"127.0.0.1", b"evil.example"]):
            headers = [(b"host", host) for host in hosts]
            assert await status_of(app, headers) == 400, hosts
        assert await status_of(app, [(b"host", b"127.0.0.1")]) == 200

    async def test_a_forwarded_one_is_not_looked_at(self) -> None:
        forwarded = (b"x-forwarded-host", b"127.0.0.1")
        assert await status_of(create_demo_app(), [(b"host", b"evil"), forwarded]) == 400
        forwarded = (b"x-forwarded-host", b"evil")
        assert await status_of(create_demo_app(), [(b"host", b"localhost"), forwarded]) == 200


async def status_of(app: ASGIApp, headers: list[tuple[bytes, bytes]]) -> int:
    """Ask for the description of the API with exactly these headers."""
    seen: list[int] = []
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/openapi.json",
        "raw_path": b"/openapi.json",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "client": ("192.0.2.1", 1),
        "headers": headers,
        "server": ("127.0.0.1", 80),
        "state": {},
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            seen.append(message["status"])

    await app(scope, receive, send)
    (status,) = seen
    return status


class TestPrincipalLimit:
    async def test_one_that_floods_touches_nobody_else(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with (
            product_with(migrated, tmp_path, per_principal=(0.001, 5)) as product,
            product.client(ALICE) as alice,
            product.client(ALICE) as alice_again,
            product.client(BOB) as bob,
        ):
            assert await statuses(alice, 7) == [200] * 5 + [429] * 2
            assert await statuses(alice_again, 1) == [429], "another token is no other caller"
            assert await statuses(bob, 7) == [200] * 5 + [429] * 2

    async def test_the_refusal_is_a_problem_with_a_time(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with (
            product_with(migrated, tmp_path, per_principal=(0.5, 1)) as product,
            product.client(ALICE) as alice,
        ):
            await alice.get(ME)
            refused = await alice.get(ME)
            assert assert_problem(refused, 429)["code"] == "rate_limited"
            assert refused.headers["retry-after"] in {"1", "2"}
            unread = await alice.post("/api/v1/collections", content=b"{")
            assert assert_problem(unread, 429)["code"] == "rate_limited"

    async def test_many_at_once_are_counted_one_by_one(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with (
            product_with(migrated, tmp_path, per_principal=(0.001, 10)) as product,
            product.client(ALICE) as alice,
        ):
            answers = await asyncio.gather(*(alice.get(ME) for _ in range(30)))
        assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 20


class TestKeyLimit:
    async def test_a_script_that_runs_wild_leaves_room_for_its_owner(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        limits = {"per_principal": (0.001, 5), "per_key": (0.001, 2)}
        async with (
            product_with(migrated, tmp_path, **limits) as product,
            product.client(ALICE) as alice,
            product.client(None) as script,
        ):
            script.headers.update(bearer((await make_key(product, ALICE)).secret))
            assert await statuses(script, 20) == [200] * 2 + [429] * 18
            assert await statuses(alice, 4) == [200] * 3 + [429], "they share one bucket"
            script.headers.update(bearer((await make_key(product, ALICE)).secret))
            assert await statuses(script, 1) == [429], "another key is no other caller"


class TestAddressLimit:
    async def test_bad_tokens_lock_out_no_good_one_behind_the_same_address(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with (
            product_with(migrated, tmp_path, per_address=(0.001, 5)) as product,
            product.client(None) as stranger,
            product.client(ALICE) as alice,
        ):
            flood = [(await stranger.get(ME, headers=BAD)) for _ in range(8)]
            assert [answer.status_code for answer in flood] == [401] * 5 + [429] * 3
            assert assert_problem(flood[-1])["code"] == "rate_limited"
            assert int(flood[-1].headers["retry-after"]) >= 1
            assert await statuses(alice, 20) == [200] * 20
            assert await statuses(stranger, 2) == [429, 429], "nor does who shows nothing"

    async def test_who_shows_nothing_is_counted_on_every_path(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with (
            product_with(migrated, tmp_path, per_address=(0.001, 4)) as product,
            product.client(None) as stranger,
        ):
            paths = ["/docs", "/no/such/path", "/openapi.json", ME]
            seen = [(await stranger.get(path)).status_code for path in [*paths, *paths]]
            assert seen == [200, 404, 200, 401, 429, 429, 429, 429]

    @pytest.mark.parametrize("shown", [BAD, {"Cookie": "a=b"}, {"Authorization": "Basic YTpi"}])
    @pytest.mark.parametrize("path", ["/docs", "/api/v1/no-such-path", "/DOCS", "/docs/"])
    async def test_a_credential_that_nobody_asks_for_is_no_way_around(
        self, migrated: TestDatabase, tmp_path: Path, shown: Mapping[str, str], path: str
    ) -> None:
        async with (
            product_with(migrated, tmp_path, per_address=(0.001, 2)) as product,
            product.client(None) as stranger,
        ):
            seen = [(await stranger.get(path, headers=shown)).status_code for _ in range(4)]
            assert seen[2:] == [429, 429]
            assert 429 not in seen[:2]

    @pytest.mark.parametrize("shown", [BAD, {"Cookie": "muniment=b"}])
    async def test_signing_in_is_counted_before_anything_is_done(
        self, migrated: TestDatabase, tmp_path: Path, shown: Mapping[str, str]
    ) -> None:
        async with (
            product_with(migrated, tmp_path, per_address=(0.001, 3)) as product,
            product.client(None) as stranger,
        ):
            answers = [await stranger.get("/auth/session", headers=shown) for _ in range(5)]
            assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2
            assert "set-cookie" not in answers[-1].headers

    async def test_bad_tokens_keep_nobody_from_signing_in_or_out(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with (
            product_with(migrated, tmp_path, per_address=(0.001, 3)) as product,
            product.client(None) as stranger,
        ):
            assert (await statuses(stranger, 4))[-1] == 429
            out = {"Sec-Fetch-Site": "same-origin", "X-Muniment": "1", "Cookie": "muniment=b"}
            answer = await stranger.post("/auth/logout", headers=out)
            assert answer.status_code == 200
            assert answer.headers["set-cookie"]

    async def test_probes_and_logouts_are_never_refused(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with (
            product_with(migrated, tmp_path, per_address=(0.001, 1)) as product,
            product.client(None) as stranger,
        ):
            await stranger.get(ME)
            for path in PROBES:
                assert await statuses(stranger, 5, path) == [200] * 5
            for _ in range(5):
                told = await stranger.post("/auth/backchannel-logout", data={"logout_token": "x"})
                assert told.status_code == 400
            assert await statuses(stranger, 1) == [429]

    async def test_a_fault_of_ours_is_not_counted(
        self, migrated: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with (
            product_with(migrated, tmp_path, per_address=(0.001, 1)) as product,
            product.client(ALICE) as alice,
        ):
            monkeypatch.setattr(product.serving.sign_in.revocations, "is_revoked", _broken)
            assert await statuses(alice, 3) == [503] * 3


async def _broken(_grounds: object) -> bool:
    raise UnavailableError("away")


class TestProxies:
    """From a real server, since it is the one that reads X-Forwarded-For."""

    @staticmethod
    def limited(*proxies: str) -> Settings:
        limits = {**UNLIMITED["rate_limits"], "per_address": 0.001, "per_address_burst": 2}
        return Settings.model_validate(
            {"server": {"rate_limits": limits, "trusted_proxies": proxies}}
        )

    async def asked(self, settings: Settings, *forwarded: str) -> list[int]:
        """Ask once for each header, each from this machine."""
        app = create_demo_app(settings)
        async with (
            http_server(app, settings) as port,
            httpx2.AsyncClient(base_url=f"{BASE_URL}:{port}") as client,
        ):
            return [
                (await client.get("/docs", headers={"X-Forwarded-For": one})).status_code
                for one in forwarded
            ]

    async def test_headers_of_anybody_change_nothing(self) -> None:
        made_up = [f"192.0.2.{number}" for number in range(5)]
        assert await self.asked(self.limited(), *made_up) == [200] * 2 + [429] * 3
        elsewhere = self.limited("10.0.0.0/8")
        assert await self.asked(elsewhere, *made_up) == [200] * 2 + [429] * 3

    async def test_a_trusted_one_says_who_asks(self) -> None:
        behind = ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2"]
        assert await self.asked(self.limited("127.0.0.1"), *behind) == [200, 200, 429, 200, 200]

    async def test_what_its_client_made_up_is_not_believed(self) -> None:
        made_up = [f"203.0.113.{number}, 192.0.2.1" for number in range(4)]
        assert await self.asked(self.limited("127.0.0.1"), *made_up) == [200] * 2 + [429] * 2

    async def test_several_in_a_row_are_passed_over(self) -> None:
        chain = [f"203.0.113.{number}, 192.0.2.1, 10.1.2.3" for number in range(4)]
        settings = self.limited("127.0.0.1/32", "10.0.0.0/8")
        assert await self.asked(settings, *chain) == [200] * 2 + [429] * 2

    async def test_networks_of_version_6_count_as_one(self) -> None:
        same = [f"2001:db8::{number}" for number in range(4)]
        assert await self.asked(self.limited("127.0.0.1"), *same) == [200] * 2 + [429] * 2

    @pytest.mark.parametrize("everybody", ["0.0.0.0/0", "::/0"])
    def test_not_everybody_can_be_one(self, everybody: str) -> None:
        with pytest.raises(ValueError, match="name the proxies"):
            server_of(trusted_proxies=[everybody])
