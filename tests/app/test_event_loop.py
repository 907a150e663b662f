import asyncio
import signal

import pytest

from muniment.app.event_loop import new_event_loop, on_signals

USUAL = (signal.SIGUSR1, signal.SIGUSR2)


class TestOnSignals:
    def test_reacts_in_the_loop_and_only_inside_of_the_block(self) -> None:
        heard: list[asyncio.AbstractEventLoop] = []

        async def listen() -> asyncio.AbstractEventLoop:
            loop = asyncio.get_running_loop()
            arrived = asyncio.Event()

            def react() -> None:
                heard.append(asyncio.get_running_loop())
                arrived.set()

            with on_signals(USUAL, react):
                for number in USUAL:
                    arrived.clear()
                    signal.raise_signal(number)
                    await asyncio.wait_for(arrived.wait(), 10)
            return loop

        before = [signal.signal(number, signal.SIG_IGN) for number in USUAL]
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                loop = runner.run(listen())
            assert heard == [loop, loop]
            assert [signal.getsignal(number) for number in USUAL] == [signal.SIG_DFL] * 2
        finally:
            for number, handler in zip(USUAL, before, strict=True):
                signal.signal(number, handler)

    def test_is_over_when_its_block_fails(self) -> None:
        async def fail() -> None:
            with on_signals((signal.SIGUSR1,), lambda: None):
                assert signal.getsignal(signal.SIGUSR1) is not signal.SIG_DFL
                raise RuntimeError

        before = signal.getsignal(signal.SIGUSR1)
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                with pytest.raises(RuntimeError):
                    runner.run(fail())
                assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
        finally:
            signal.signal(signal.SIGUSR1, before)
