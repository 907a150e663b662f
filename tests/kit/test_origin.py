import asyncio
from uuid import UUID

import pytest

from muniment.kit.origin import NOWHERE, Origin, bind_key, bind_origin, network_of, origin


class TestOrigin:
    @pytest.mark.parametrize(
        ("client", "address"),
        [
            (("203.0.113.7", 1234), "203.0.113.7"),
            (("::ffff:203.0.113.7", 1234), "203.0.113.7"),
            (("2001:DB8::1", 1234), "2001:db8::1"),
            (("fe80::1%eth0", 1234), "fe80::1"),
            (("/run/muniment.sock", None), None),
            (None, None),
        ],
    )
    async def test_is_the_address_in_its_one_form(
        self, client: tuple[str, int | None] | None, address: str | None
    ) -> None:
        async def ask() -> Origin:
            bind_origin({"type": "http", "client": client}, "abc")
            return origin()

        found = await asyncio.create_task(ask())
        assert (found.request_id, found.address) == ("abc", address)

    async def test_of_what_is_no_request_is_nowhere(self) -> None:
        async def ask() -> Origin:
            bind_origin({"type": "http", "client": ("203.0.113.7", 1)}, "abc")
            return origin()

        await asyncio.create_task(ask())
        assert origin() == NOWHERE


class TestKey:
    async def test_is_that_of_its_request_alone(self) -> None:
        key = UUID(int=1)

        async def ask() -> list[UUID | None]:
            found = []
            for given in (key, None, key):
                bind_origin({"type": "http", "client": None}, "abc")
                found.append(origin().key_id)
                bind_key(given)
                found.append(origin().key_id)
            return found

        assert await asyncio.create_task(ask()) == [None, key, None, None, None, key]
        assert origin() == NOWHERE


class TestNetworkOf:
    @pytest.mark.parametrize(
        ("address", "network"),
        [("203.0.113.255", "203.0.113.0/24"), ("2001:db8::ffff", "2001:db8::/64")],
    )
    def test_is_what_one_caller_has_all_of(self, address: str, network: str) -> None:
        assert network_of(address) == network
