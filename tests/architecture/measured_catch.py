"""A program whose lines all run, some after an await whose callee caught what was raised."""

import asyncio


async def careful(future: asyncio.Future[None]) -> int:
    caught = 0
    try:
        await future
    except OSError:
        caught = 1
    return caught


async def main() -> None:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    loop.call_soon(future.set_exception, OSError())
    caught = await careful(future)
    doubled = 2 * caught
    assert doubled == 2


asyncio.run(main())
