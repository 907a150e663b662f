import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muniment.app.event_loop import new_event_loop, stop_on_signals
from muniment.app.server import reserved_address, serve
from muniment.app.settings import Settings
from muniment.app.streams import EventStreams
from muniment.identity.authentication import Caller
from muniment.identity.dependencies import CALLER_KEY
from muniment.identity.grounds import Grounds
from muniment.identity.principal import Principal
from muniment.identity.repository import KnownAccount
from muniment.kit.errors import ConfigurationError
from muniment.kit.ids import new_id
from tests.support.database import TestDatabase
from tests.support.fixed_clock import FixedClock
from tests.support.whole_product import whole_product

PATIENCE_S = 10.0
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def settings_for(port: int) -> Settings:
    return Settings.model_validate({"server": {"port": port}})


class TestReservedAddress:
    def test_a_free_port_is_picked(self) -> None:
        with reserved_address(settings_for(0)) as listener:
            assert listener.getsockname()[0] == "127.0.0.1"

    def test_a_port_that_is_taken_is_told(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            settings = settings_for(taken.getsockname()[1])
            with pytest.raises(ConfigurationError) as caught, reserved_address(settings):
                pass
        assert caught.value.hint is not None
        assert "--port" in caught.value.hint


class TestServe:
    async def test_answers_until_it_is_told_to_stop(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        stop = asyncio.Event()
        address = asyncio.get_running_loop().create_future()
        async with whole_product(migrated, tmp_path) as product:
            with reserved_address(settings_for(0)) as listener:
                serving = asyncio.create_task(
                    serve(product.serving, listener, stop, address.set_result)
                )
                async with httpx2.AsyncClient(base_url=await address) as client:
                    ready = await client.get("/readyz")
                    assert ready.json()["checks"] == {
                        "database": "ok",
                        "schema": "ok",
                        "walls": "ok",
                    }
                    assert "server" not in ready.headers
                stop.set()
                async with asyncio.timeout(PATIENCE_S):
                    await serving


def stream_of(media_type: str, *, endless: bool) -> ASGIApp:
    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        while endless:
            await asyncio.sleep(0.01)
            yield b"more"

    return StreamingResponse(parts(), media_type=media_type)


def caller_until(moment: datetime) -> Caller:
    """Give somebody whose token ends then."""
    account = KnownAccount(new_id(), 1, "active", 1, NOON, NOON, None)
    grounds = Grounds(account.account_id, "urn:x", "alice", NOON, NOON, expires_at=moment)
    principal = Principal(
        user_id=account.account_id,
        tenant_id=1,
        tenant="acme",
        issuer="urn:x",
        subject="alice",
        roles=frozenset(),
        groups=frozenset(),
        attributes={},
        permissions=frozenset(),
    )
    return Caller(principal, account, grounds)


async def ask(app: ASGIApp, answers: list[Message], caller: Caller | None = None) -> None:
    scope: Scope = {
        CALLER_KEY: caller,
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": "GET",
        "path": "/",
        "headers": [],
    }

    async def receive() -> Message:
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        answers.append(message)

    await app(scope, receive, send)


class TestEventStreams:
    async def test_one_that_is_open_ends_cleanly(self) -> None:
        streams = EventStreams(stream_of("text/event-stream", endless=True))
        answers: list[Message] = []
        asking = asyncio.create_task(ask(streams, answers))
        await asyncio.sleep(0.05)
        streams.end()
        async with asyncio.timeout(PATIENCE_S):
            await asking
        assert answers[-1] == {"type": "http.response.body", "body": b"", "more_body": False}

    async def test_one_that_opens_late_ends_as_well(self) -> None:
        streams = EventStreams(stream_of("text/event-stream; charset=utf-8", endless=True))
        streams.end()
        async with asyncio.timeout(PATIENCE_S):
            await ask(streams, [])

    async def test_other_answers_are_left_alone(self) -> None:
        streams = EventStreams(stream_of("application/octet-stream", endless=False))
        streams.end()
        answers: list[Message] = []
        await ask(streams, answers)
        assert b"first" in [answer.get("body") for answer in answers]

    async def test_one_ends_with_the_credential_that_opened_it(self) -> None:
        clock = FixedClock(NOON)
        caller = caller_until(NOON + timedelta(milliseconds=200))
        streams = EventStreams(stream_of("text/event-stream", endless=True), None, clock)
        async with asyncio.timeout(PATIENCE_S):
            await ask(streams, [], caller)

    async def test_one_whose_credential_has_just_ended_does_not_begin(self) -> None:
        clock = FixedClock(NOON)
        caller = caller_until(NOON - timedelta(seconds=1))
        streams = EventStreams(stream_of("text/event-stream", endless=True), None, clock)
        async with asyncio.timeout(PATIENCE_S):
            await ask(streams, [], caller)

    async def test_a_timeout_of_the_application_stays_one(self) -> None:
        async def slow(_scope: Scope, _receive: Receive, _send: Send) -> None:
            raise TimeoutError

        with pytest.raises(TimeoutError):
            await ask(EventStreams(slow), [])


class TestStopOnSignals:
    def test_the_first_asks_and_the_second_breaks_off(self) -> None:
        async def stubborn() -> bool:
            stop = asyncio.Event()
            with stop_on_signals(stop):
                signal.raise_signal(signal.SIGTERM)
                await asyncio.wait_for(stop.wait(), PATIENCE_S)
                signal.raise_signal(signal.SIGINT)
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(PATIENCE_S)
                    return False
            return True

        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            assert runner.run(stubborn())

    def test_a_terminal_that_may_go_away_is_no_reason(self) -> None:
        async def detached() -> bool:
            stop = asyncio.Event()
            with stop_on_signals(stop):
                signal.raise_signal(signal.SIGHUP)
                await asyncio.sleep(0.05)
                return stop.is_set()

        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                assert not runner.run(detached())
        finally:
            signal.signal(signal.SIGHUP, before)

    def test_subprocesses_work_on_the_fast_loop(self) -> None:
        async def echo() -> bytes:
            process = await asyncio.create_subprocess_exec(
                "/bin/echo", "heron", stdout=asyncio.subprocess.PIPE
            )
            printed, _ = await process.communicate()
            return printed

        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            assert runner.run(echo()) == b"heron\n"
            assert type(runner.get_loop()).__module__.startswith("uvloop")
