"""Streams that a key opened end with it, in every process."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import timedelta

import pytest

from muniment.identity.grounds import Grounds
from muniment.kit.clock import SystemClock
from muniment.revocation.log import RevocationLog
from tests.api_keys.conftest import Desk

PROCESSES = 2
WITHIN_S = 3.0
"""A second, and some more for a machine that is busy."""


@pytest.fixture
async def logs(desk: Desk) -> AsyncIterator[list[RevocationLog]]:
    """Give the logs of two processes that poll, without a doorbell."""
    logs = [
        RevocationLog(desk.reads, desk.database.serving, timedelta(days=1))
        for _ in range(PROCESSES)
    ]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(log.keep_watch()) for log in logs]
        yield logs
        for task in tasks:
            task.cancel()


@contextmanager
def streams(logs: list[RevocationLog], grounds: Grounds) -> Iterator[list[asyncio.Event]]:
    ended = [asyncio.Event() for _ in logs]
    with ExitStack() as stack:
        for log, event in zip(logs, ended, strict=True):
            stack.enter_context(log.following(grounds, event.set))
        yield ended


@asynccontextmanager
async def all_ending(ended: list[asyncio.Event]) -> AsyncIterator[None]:
    assert not any(event.is_set() for event in ended)
    yield
    async with asyncio.timeout(WITHIN_S):
        for event in ended:
            await event.wait()


class TestStreams:
    async def test_end_with_their_key_and_no_other(
        self, desk: Desk, logs: list[RevocationLog]
    ) -> None:
        alice = await desk.sign_in()
        mine, other = [await desk.make(alice) for _ in range(2)]
        keys = desk.way_in()
        grounds = [
            (await keys.authenticate(made.secret.get_secret_value())).grounds
            for made in (mine, other)
        ]
        with streams(logs, grounds[0]) as ended, streams(logs, grounds[1]) as going_on:
            async with all_ending(ended):
                await desk.revoke(alice, mine)
            assert not any(event.is_set() for event in going_on)

    async def test_end_with_the_owner(self, desk: Desk, logs: list[RevocationLog]) -> None:
        now = SystemClock().now() - desk.clock.now()
        desk.clock.advance(now)  # the database says when an account was disabled
        made = await desk.make(await desk.sign_in())
        grounds = (await desk.way_in().authenticate(made.secret.get_secret_value())).grounds
        with streams(logs, grounds) as ended:
            async with all_ending(ended):
                await desk.run("update account set status = 'disabled'")
