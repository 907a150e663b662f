from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from threading import Event

import pytest

from muniment.adapters.embedders.lanes import Lanes


@pytest.fixture
def lanes() -> Iterator[Lanes[str]]:
    made: Lanes[str] = Lanes(1, "test")
    yield made
    made.close()


class TestLanes:
    def test_the_urgent_call_goes_first(self, lanes: Lanes[str]) -> None:
        gate, order = Event(), list[str]()

        def note(name: str) -> Callable[[], str]:
            def work() -> str:
                order.append(name)
                return name

            return work

        running = lanes.submit(lambda: str(gate.wait(5)), urgent=False)
        calls = [lanes.submit(note(name), urgent=False) for name in ("first", "second")]
        calls.append(lanes.submit(note("urgent"), urgent=True))
        gate.set()
        assert [call.result(5) for call in calls] == ["first", "second", "urgent"]
        assert running.result(5) == "True"
        assert order == ["urgent", "first", "second"]

    def test_an_error_reaches_the_one_who_waits(self, lanes: Lanes[str]) -> None:
        def fail() -> str:
            raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"):
            lanes.submit(fail, urgent=False).result(5)
        assert lanes.submit(lambda: "alive", urgent=False).result(5) == "alive"

    def test_a_cancelled_call_never_runs(self, lanes: Lanes[str]) -> None:
        gate, ran = Event(), list[str]()

        def run() -> str:
            ran.append("ran")
            return "ran"

        lanes.submit(lambda: str(gate.wait(5)), urgent=False)
        unwanted = lanes.submit(run, urgent=False)
        assert unwanted.cancel()
        gate.set()
        assert lanes.submit(lambda: "after", urgent=False).result(5) == "after"
        assert ran == []

    def test_closing_cancels_what_waits(self) -> None:
        lanes: Lanes[str] = Lanes(1, "test")
        started, gate = Event(), Event()

        def hold() -> str:
            started.set()
            gate.wait(5)
            return "held"

        running = lanes.submit(hold, urgent=False)
        assert started.wait(5)
        waiting = lanes.submit(lambda: "never", urgent=False)
        waiting.add_done_callback(lambda _: gate.set())
        lanes.close()
        assert running.result(0) == "held"
        with pytest.raises(CancelledError):
            waiting.result(0)
