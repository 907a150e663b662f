"""Threads with two queues: what a person waits for overtakes what a job has asked for."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class _Call(Generic[ResultT]):
    work: Callable[[], ResultT]
    outcome: Future[ResultT]

    def run(self) -> None:
        if not self.outcome.set_running_or_notify_cancel():
            return
        try:
            result = self.work()
        except BaseException as error:  # noqa: BLE001 # boundary: it is for whoever waits
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(result)


class Lanes(Generic[ResultT]):
    """A small thread pool that always takes the urgent call first.

    Every call puts one ticket into the pool's own queue and itself into a lane; a thread that
    draws a ticket picks the call at the head of the urgent lane, else of the other one. So an
    urgent call waits for at most one running call, however many are queued.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._lock = Lock()
        self._urgent: deque[_Call[ResultT]] = deque()
        self._patient: deque[_Call[ResultT]] = deque()

    def submit(self, work: Callable[[], ResultT], *, urgent: bool) -> Future[ResultT]:
        """Queue a call. A future that is cancelled before its turn costs nothing."""
        call = _Call(work, Future[ResultT]())
        with self._lock:
            (self._urgent if urgent else self._patient).append(call)
        self._pool.submit(self._run_next)
        return call.outcome

    def close(self) -> None:
        """Let the running calls end, cancel the others, and give the threads back. Blocks."""
        with self._lock:
            waiting = [*self._urgent, *self._patient]
        for call in waiting:
            call.outcome.cancel()
        self._pool.shutdown(wait=True)

    def _run_next(self) -> None:
        with self._lock:
            call = (self._urgent or self._patient).popleft()
        call.run()
