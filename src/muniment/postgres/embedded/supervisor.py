"""Runs PostgreSQL for the processes of one data directory: the first starts it, the last stops it.

Nothing is kept in memory that another process would need: who is attached and whether the
server lives are locks held by the kernel (see `locks`), so a killed process leaves no wrong
entry behind. A killed *last* process leaves the server running, until the next one that
attaches and detaches. A killed server is started again by whoever is attached (`watch`).
"""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TypeVar, TypeVarTuple

import asyncpg
import structlog
from pydantic import SecretStr

from muniment.postgres.embedded.addresses import Address, remove_link
from muniment.postgres.embedded.cluster import SUPERUSER, Launch
from muniment.postgres.embedded.errors import ServerFailedError, program_failed, storage_errors
from muniment.postgres.embedded.files import DataFolder
from muniment.postgres.embedded.locks import locked, try_lock, unlock
from muniment.postgres.embedded.passwords import Passwords, load_or_make_passwords
from muniment.postgres.embedded.programs import tail
from muniment.postgres.embedded.roles import DATABASE, OWNER, SERVING, WORKER, prepare_database
from muniment.postgres.embedded.server import Server, ServerState
from muniment.postgres.embedded.watch import keep_running

_log = structlog.get_logger(__name__)
_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")

_POLL_S = 0.02
_LONGEST_POLL_S = 0.25
_SAY_EVERY_S = 5.0
_FAST_STOP_S = 60.0
_ORPHANS_LEAVE_S = 2.0
_ORPHANS_GIVEN_UP_S = 30.0


@dataclass(frozen=True, slots=True)
class EmbeddedUrls:
    """Where each role connects to."""

    owner: SecretStr
    """Migrates: owns the database and what is in it."""
    serving: SecretStr
    """Answers requests, under row-level security."""
    worker: SecretStr
    """Runs jobs, under row-level security."""
    superuser: SecretStr
    """For the supervisor and the tests alone: it sees through row-level security."""


class EmbeddedPostgres:
    """The embedded PostgreSQL of one data directory, shared by all processes that attach to it.

    `data_dir` is given over to it whole, and made private (0700). `fsync=False` is for tests:
    the data do not survive a crash of the machine. `loopback` asks for TCP on 127.0.0.1, which
    is also used by itself where the file system cannot hold a Unix socket.
    """

    def __init__(self, data_dir: Path, *, fsync: bool = True, loopback: bool = False) -> None:
        self._folder = DataFolder(data_dir.absolute())
        self._server = Server(self._folder)
        self._launch = Launch(self._folder, fsync=fsync, loopback=loopback)
        self._registration: int | None = None
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> EmbeddedUrls:
        """Attach, and have the server started again whenever it dies before the block ends."""
        urls = await self.attach()
        watching = keep_running(self._server, partial(self._start_again, urls))
        # Not in a task group, which would wrap what the block raises; the exit waits for it.
        self._watching = asyncio.get_running_loop().create_task(watching)
        return urls

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._watching is not None:
                self._watching.cancel()
                await asyncio.wait([self._watching])
        finally:
            await self.detach()

    async def attach(self) -> EmbeddedUrls:
        """Have the server run until this process detaches or dies; safe to call again.

        The first call ever makes the cluster. A server that died is started again, and its
        recovery is waited for as long as it works on it.
        """
        with storage_errors(self._folder.root):
            await _in_thread(self._folder.ensure)
            async with locked(self._folder.lifecycle_lock), AsyncExitStack() as on_failure:
                if self._registration is None:
                    on_failure.push_async_callback(self._leave)
                    self._registration = try_lock(self._folder.users_lock, shared=True)
                urls = await self._have_ready()
                on_failure.pop_all()
        return urls

    async def detach(self) -> None:
        """Give up this process's use of the server; the last to do so stops it."""
        if self._registration is None:
            return
        async with locked(self._folder.lifecycle_lock):
            await self._leave()

    async def _start_again(self, urls: EmbeddedUrls) -> None:
        """Have a server that died run again, where it ran; one that another process started does.

        Under the lock of starts and stops, so that one of those who miss the server starts it.
        """
        with storage_errors(self._folder.root):
            async with locked(self._folder.lifecycle_lock):
                if not self._folder.cluster.exists():
                    raise ServerFailedError(
                        f"The database in {self._folder.root} is gone.",
                        hint="Restore it, or start the product again with an empty one.",
                    )
                if await self._have_ready() != urls:
                    raise ServerFailedError(
                        "The embedded PostgreSQL answers at another port than before.",
                        hint="Start the product again.",
                    )

    async def _have_ready(self) -> EmbeddedUrls:
        passwords = await _in_thread(load_or_make_passwords, self._folder)
        try:
            try:
                address = await self._have_prepared(passwords)
            except (ConnectionError, asyncpg.PostgresConnectionError):
                # Killed a moment ago, it still looked alive, or took the connection and let it
                # fall: look again, and start it.
                await asyncio.sleep(_LONGEST_POLL_S)
                address = await self._have_prepared(passwords)
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            ConnectionError,
            TimeoutError,
        ) as error:
            last_words = await _in_thread(tail, self._folder.log)
            raise program_failed(
                "The server", f"{last_words}\n{error}", self._folder.root
            ) from error
        return _urls(address, passwords)

    async def _have_prepared(self, passwords: Passwords) -> Address:
        await self._have_running(passwords)
        address = await _in_thread(self._server.address)
        await prepare_database(address, passwords)
        return address

    async def _have_running(self, passwords: Passwords) -> None:
        patience = _Patience()
        launched = False
        while (state := await _in_thread(self._server.observe)) is not ServerState.READY:
            if state is ServerState.ABSENT:
                if launched:
                    last_words = await _in_thread(tail, self._folder.log)
                    raise program_failed("The server", last_words, self._folder.root)
                await _in_thread(self._launch.run, passwords)
                launched = True
            elif state is ServerState.ORPHANED:
                await self._send_orphans_home(patience)
            await patience.pause(state)

    async def _leave(self) -> None:
        if self._registration is not None:
            unlock(self._registration)
            self._registration = None
        alone = try_lock(self._folder.users_lock)
        if alone is None:
            return
        try:
            await self._stop()
            await _in_thread(remove_link, self._folder)
        finally:
            unlock(alone)

    async def _stop(self) -> None:
        patience = _Patience()
        while (state := await _in_thread(self._server.observe)) is not ServerState.ABSENT:
            if state is ServerState.ORPHANED:
                await self._send_orphans_home(patience)
            elif patience.waited_s > _FAST_STOP_S:
                # Safe for the data: the next start recovers them from the write-ahead log.
                await _in_thread(self._server.tell, signal.SIGQUIT)
            elif state is not ServerState.STOPPING:
                await _in_thread(self._server.tell, signal.SIGINT)
            await patience.pause(state)

    async def _send_orphans_home(self, patience: "_Patience") -> None:
        if patience.waited_s > _ORPHANS_GIVEN_UP_S:
            raise ServerFailedError(
                f"The database in {self._folder.root} is held by processes that cannot be seen.",
                hint="Stop the other container that uses this data directory.",
            )
        # They notice by themselves that their parent has died, unless they are very busy.
        if patience.waited_s > 2 * _ORPHANS_LEAVE_S:
            await _in_thread(self._server.tell_orphans, signal.SIGKILL)
        elif patience.waited_s > _ORPHANS_LEAVE_S:
            await _in_thread(self._server.tell_orphans, signal.SIGQUIT)


class _Patience:
    """Waits in ever longer steps, and says now and then for what."""

    def __init__(self) -> None:
        self._started = self._said = time.monotonic()

    @property
    def waited_s(self) -> float:
        return time.monotonic() - self._started

    async def pause(self, state: ServerState) -> None:
        """Wait a little; longer, the longer it has taken already."""
        if time.monotonic() - self._said > _SAY_EVERY_S:
            self._said = time.monotonic()
            waited_s = round(self.waited_s)
            _log.info("embedded_postgres_awaited", state=state.name.lower(), waited_s=waited_s)
        await asyncio.sleep(min(_LONGEST_POLL_S, max(_POLL_S, self.waited_s / 20)))


def _urls(address: Address, passwords: Passwords) -> EmbeddedUrls:
    return EmbeddedUrls(
        owner=address.url(OWNER, passwords.owner, DATABASE),
        serving=address.url(SERVING, passwords.serving, DATABASE),
        worker=address.url(WORKER, passwords.worker, DATABASE),
        superuser=address.url(SUPERUSER, passwords.superuser, DATABASE),
    )


async def _in_thread(work: Callable[[*_Arguments], _Result], *args: *_Arguments) -> _Result:
    """Run blocking work in a thread, to its end even when the caller is cancelled.

    A cancelled `to_thread` leaves its thread behind: a server would start after the locks that
    guard its start are gone.
    """
    future = asyncio.get_running_loop().run_in_executor(None, partial(work, *args))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise
