"""Removes what killed uploads have stored: bytes that a row speaks of, but never a document will.

Found by rows and not by a walk through the store: a store may also hold what other databases speak
of, and a walk meets files that are just being written.
"""

from datetime import timedelta

import structlog

from muniment.ingestion.repository import IngestionRepository, find_abandoning_tenants
from muniment.ports.jobs import original_purge
from muniment.postgres import jobs
from muniment.postgres.unit_of_work import Scope, Transactions

_log = structlog.get_logger(__name__)


async def sweep_abandoned(transactions: Transactions, grace: timedelta) -> int:
    """Ask for the removal of originals that have waited longer than the grace; give their number.

    The row and the request to remove the bytes change places in one commit. So a slow upload that
    comes to register them afterwards finds no row and fails, and a sweep that is killed has either
    done nothing or left a job, which is done however often it is interrupted.
    """
    async with transactions.begin(None) as session:
        tenants = await find_abandoning_tenants(session, grace)
    swept = 0
    for tenant_id in tenants:
        async with transactions.begin(Scope(tenant_id)) as session:
            keys = await IngestionRepository(session).take_abandoned(tenant_id, grace)
            await jobs.enqueue(session, [original_purge(tenant_id, key) for key in keys])
        swept += len(keys)
    if swept:
        _log.info("abandoned_originals_swept", originals=swept)
    return swept
