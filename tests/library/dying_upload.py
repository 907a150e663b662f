"""An upload whose process is killed at a point of its way; a program, started by its test.

It reads its orders as JSON from standard input and ends by SIGKILL, from its own hand.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr
from typing_extensions import override

from muniment.adapters.originals.filesystem import FilesystemOriginals
from muniment.app.tables import all_tables
from muniment.identity.principal import Principal
from muniment.library.service.intake import Intake
from muniment.library.service.registration import NewUpload, register
from muniment.library.settings import TenantLimits
from muniment.ports.originals import StoredOriginal
from muniment.postgres.engine import create_engine
from muniment.postgres.settings import DatabaseSettings
from muniment.postgres.unit_of_work import Scope, Transactions


class Point(StrEnum):
    """Where the process dies."""

    BEFORE_THE_FIRST_BYTE = "before the first byte"
    IN_MID_FILE = "in mid-file"
    BEFORE_THE_REGISTRATION = "before the registration"
    BEFORE_THE_COMMIT = "before the commit"
    AFTER_THE_COMMIT = "after the commit"


@dataclass(frozen=True)
class Orders:
    """What to upload where, and when to die."""

    point: Point
    database: str
    folder: str
    tenant_id: int
    user_id: str
    collection_id: str

    def as_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingOriginals(FilesystemOriginals):
    """Dies when it is to store the first byte."""

    @override
    async def put(
        self, key: str, chunks: AsyncIterator[bytes], *, max_bytes: int
    ) -> StoredOriginal:
        die()
        raise AssertionError


async def content(point: Point) -> AsyncIterator[bytes]:
    for _ in range(3):
        yield b"The tide turns twice a day. " * 50_000
    if point is Point.IN_MID_FILE:
        die()


async def upload(orders: Orders) -> None:
    all_tables()
    engine = create_engine(SecretStr(orders.database), DatabaseSettings(), application="dying")
    transactions = Transactions(engine)
    first = orders.point is Point.BEFORE_THE_FIRST_BYTE
    originals = (DyingOriginals if first else FilesystemOriginals)(Path(orders.folder))
    principal = Principal(
        user_id=UUID(orders.user_id),
        tenant_id=orders.tenant_id,
        tenant="",
        issuer="",
        subject="",
        roles=frozenset(),
        groups=frozenset(),
        attributes={},
        permissions=frozenset(),
    )
    scope = Scope(principal.tenant_id, principal.names)
    stored = await Intake(transactions, originals).store(
        scope, content(orders.point), max_bytes=1 << 30
    )
    if orders.point is Point.BEFORE_THE_REGISTRATION:
        die()
    new = NewUpload("tides.txt", "text/plain", stored)
    async with transactions.begin(scope) as session:
        await register(session, principal, UUID(orders.collection_id), new, TenantLimits())
        if orders.point is Point.BEFORE_THE_COMMIT:
            die()
    die()


if __name__ == "__main__":
    given = json.load(sys.stdin)
    asyncio.run(upload(Orders(**{**given, "point": Point(given["point"])})))
