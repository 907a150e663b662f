import asyncio
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from pydantic import ByteSize

from muniment.ingestion.parsing.failures import ParsersUnavailableError
from muniment.ingestion.parsing.pool import ParserPool
from muniment.ingestion.parsing.settings import ParsingSettings
from muniment.ingestion.parsing.wire import ParserSelection
from muniment.ports.parsing import ParseError
from tests.ingestion.parsing.conftest import ROGUE, Act

TYPE = "test/rogue"


def children() -> list[psutil.Process]:
    """The processes of pools, not those of other fixtures."""
    found = psutil.Process().children(recursive=True)
    return [child for child in found if "muniment.ingestion.parsing.child" in child.cmdline()]


async def failure(pool: ParserPool, path: Path, media_type: str = TYPE) -> str:
    with pytest.raises(ParseError) as caught:
        await pool.parse(path, media_type)
    return caught.value.code


async def pid_of_child(pool: ParserPool, act: Act) -> int:
    return int((await pool.parse(act("name"), TYPE)).text)


class TestFailures:
    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("hang", "parser_timeout"),
            ("spin", "parser_timeout"),
            ("eat", "parser_memory"),
            ("abort_out_of_memory", "parser_memory"),
            ("segfault", "parser_crashed"),
            ("exit", "parser_crashed"),
            ("die", "parser_crashed"),
            ("raise", "parser_crashed"),
            ("surrogate", "parser_crashed"),
            ("misplace", "parser_crashed"),
            ("long", "too_large"),
            ("refuse", "no_text_layer"),
        ],
    )
    async def test_each_has_its_code_and_leaves_the_pool_usable(
        self, rogue: ParserPool, act: Act, name: str, code: str
    ) -> None:
        assert await failure(rogue, act(name)) == code
        assert await pid_of_child(rogue, act)

    async def test_an_unknown_media_type_is_refused(self, rogue: ParserPool, act: Act) -> None:
        assert await failure(rogue, act("name"), "image/png") == "unsupported_media_type"

    async def test_a_child_killed_while_idle_is_replaced(self, rogue: ParserPool, act: Act) -> None:
        first = await pid_of_child(rogue, act)
        killed = psutil.Process(first)
        killed.kill()
        await asyncio.to_thread(psutil.wait_procs, [killed], 5)
        await asyncio.sleep(0.1)
        assert await pid_of_child(rogue, act) != first

    async def test_what_libraries_print_does_not_garble_replies(
        self, rogue: ParserPool, act: Act
    ) -> None:
        assert (await rogue.parse(act("print"), TYPE)).text == "quiet"
        assert await pid_of_child(rogue, act)

    async def test_a_time_out_kills_what_the_parser_started(
        self, rogue: ParserPool, act: Act, tmp_path: Path
    ) -> None:
        assert await failure(rogue, act("spawn")) == "parser_timeout"
        grandchild = int((tmp_path / "grandchild").readlink().name)
        deadline = time.monotonic() + 5
        while psutil.pid_exists(grandchild) and time.monotonic() < deadline:
            if psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE:
                break  # orphaned and dead; only the container's init has not looked yet
            await asyncio.sleep(0.05)
        else:
            assert not psutil.pid_exists(grandchild)


class TestChildren:
    async def test_a_child_is_kept_warm_and_replaced_when_old(
        self, rogue: ParserPool, act: Act
    ) -> None:
        pids = [await pid_of_child(rogue, act) for _ in range(5)]
        assert len(set(pids[:4])) == 1
        assert pids[4] != pids[3]

    async def test_a_grown_child_is_replaced(self, act: Act) -> None:
        pool = ParserPool(ParsingSettings(recycle_above=ByteSize(90 * 2**20)), ROGUE)
        grown = (await pool.parse(act("grow"), TYPE)).text
        assert (await pool.parse(act("name"), TYPE)).text != grown
        await pool.close()

    async def test_as_many_documents_are_read_at_once_as_there_are_children(self, act: Act) -> None:
        settings = ParsingSettings(time_limit=timedelta(seconds=5), children=2)
        pool = ParserPool(settings, ROGUE)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(pool.parse(act("name"), TYPE)) for _ in range(6)]
        assert len({task.result().text for task in tasks}) <= 2
        await pool.close()

    async def test_a_cancelled_document_takes_its_child_along(
        self, rogue: ParserPool, act: Act
    ) -> None:
        first = await pid_of_child(rogue, act)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await rogue.parse(act("hang"), TYPE)
        assert await pid_of_child(rogue, act) != first

    async def test_a_child_sees_no_environment_and_writes_no_file(
        self, rogue: ParserPool, act: Act, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MUNIMENT_SECRET", "secret")
        wrote, names, folder, descriptors = (await rogue.parse(act("describe"), TYPE)).text.split(
            "|"
        )
        assert wrote == "refused"
        assert set(names.split()) - {"LC_CTYPE", "LD_LIBRARY_PATH"} == {
            "HOME",
            "LANG",
            "MALLOC_ARENA_MAX",
        }
        assert folder == "/"
        assert int(descriptors) < 8

    async def test_closing_leaves_no_process(self, act: Act) -> None:
        before = {child.pid for child in children()}
        pool = ParserPool(ParsingSettings(children=2), ROGUE)
        await pid_of_child(pool, act)
        async with asyncio.TaskGroup() as group:
            hanging = group.create_task(failure(pool, act("hang")))
            await asyncio.sleep(0.3)
            await pool.close()
        assert hanging.result() == "parser_crashed"
        assert {child.pid for child in children()} == before
        with pytest.raises(RuntimeError):
            await pool.parse(act("name"), TYPE)


class TestStart:
    async def test_offers_media_types_and_revision(self, rogue: ParserPool) -> None:
        offer = await rogue.offer()
        assert (offer.media_types, offer.revision) == (("test/rogue",), "rogue-1")

    @pytest.mark.parametrize("reference", ["no_such_module:PLUGIN", "rogue:RogueParser"])
    async def test_says_when_parsers_cannot_be_loaded(self, act: Act, reference: str) -> None:
        selection = ParserSelection((reference,), ROGUE.import_path)
        pool = ParserPool(ParsingSettings(), selection)
        with pytest.raises(ParsersUnavailableError):
            await pool.parse(act("name"), TYPE)
        await pool.close()

    async def test_two_parsers_of_one_type_are_a_fault(self, act: Act) -> None:
        selection = ParserSelection(("rogue:PLUGIN", "rogue:PLUGIN"), ROGUE.import_path)
        pool = ParserPool(ParsingSettings(), selection)
        with pytest.raises(ParsersUnavailableError, match="Two parsers read test/rogue"):
            await pool.parse(act("name"), TYPE)
        await pool.close()
