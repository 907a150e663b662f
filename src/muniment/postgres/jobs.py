"""The durable job queue: rows written in the same transaction as what they are about.

Delivery is at least once. An attempt is counted when a job is *claimed*, so a job that kills its
worker is parked after `max_attempts`. A claim holds a lease on the database's clock and a fence
number; the last commit of the work checks the fence, so a worker that stalled and woke up after
its lease ran out commits nothing (docs/decisions/0006).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, Integer, func, insert, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from muniment.kit.errors import ConflictError
from muniment.ports.jobs import NOBODY, ClaimedJob, JobPayload, NewJob
from muniment.postgres.base import Base


class Job(Base):
    """A piece of work that survives every crash. Rows of finished jobs are removed."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("state in ('queued', 'running', 'parked')", name="state"),
        Index(
            "job_waiting_idx",
            "tenant_id",
            "user_id",
            "run_at",
            "id",
            postgresql_where=text("state = 'queued'"),
        ),
        Index("job_leased_idx", "lease_until", postgresql_where=text("state = 'running'")),
        Index("job_kind_key_idx", "kind", "key"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    tenant_id: Mapped[int] = mapped_column(Integer)
    user_id: Mapped[UUID] = mapped_column(server_default=str(NOBODY))
    """Who waits for it. No foreign key: a job outlives the account of its user."""
    kind: Mapped[str]
    key: Mapped[str]
    """What the job is about; jobs with the same kind and key are wanted once only."""
    payload: Mapped[JobPayload] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(server_default="queued")
    attempt: Mapped[int] = mapped_column(Integer, server_default="0")
    max_attempts: Mapped[int] = mapped_column(Integer, server_default="3")
    fence: Mapped[int] = mapped_column(BigInteger, server_default="0")
    owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    run_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class FenceLostError(ConflictError):
    """Another worker has taken this job over; nothing of this attempt may be kept."""

    code = "fence_lost"
    title = "The work was taken over"


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a failed attempt waits before the next: doubling from `first` up to `most`."""

    first: timedelta = timedelta(seconds=2)
    most: timedelta = timedelta(minutes=5)

    def after(self, attempt: int) -> timedelta:
        """Give the wait after the given attempt (1 is the first)."""
        doublings = min(attempt - 1, 32)
        return min(self.most, self.first * (1 << doublings))


_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
"""When jobs were due that go before all others of their tenant."""


async def enqueue(session: AsyncSession, jobs: Sequence[NewJob]) -> None:
    """Add jobs in the caller's transaction: they exist if and only if it commits."""
    urgent = [_row(job) | {"run_at": _FIRST} for job in jobs if job.goes_first]
    others = [_row(job) for job in jobs if not job.goes_first]
    connection = await session.connection()
    for rows in (urgent, others):
        if rows:
            await connection.execute(insert(Job), rows)


def _row(job: NewJob) -> dict[str, object]:
    return {
        "tenant_id": job.tenant_id,
        "user_id": job.user_id,
        "kind": job.kind,
        "key": job.key,
        "payload": job.payload,
        "max_attempts": job.max_attempts,
    }


# A job may be claimed when it waits and its time has come, or when its owner's lease has run out.
# Tenants take turns: the ones with the fewest running jobs first, then the oldest job, so that a
# tenant with thousands of documents delays another tenant's single document by one job at most.
# Within a tenant, its users take turns in the same way; what goes first, goes before all of them.
# `heads` hops through the index from user to user instead of reading everything that waits. There
# are several candidates, because others may be claiming the first of them just now; the limits also
# keep the planner from expecting so many that it would read the whole table. What it costs:
# docs/decisions/0016.
_CLAIM = text(
    """
    with recursive busy as (
        select tenant_id, user_id, count(*) as running from job
        where state = 'running' and lease_until > now() group by tenant_id, user_id
    ), heads as (
        (select tenant_id, user_id from job
         where state = 'queued' order by tenant_id, user_id limit 1)
        union all
        select n.tenant_id, n.user_id from heads h cross join lateral (
            select tenant_id, user_id from job
            where state = 'queued' and (tenant_id, user_id) > (h.tenant_id, h.user_id)
            order by tenant_id, user_id limit 1
        ) n
    ), next_of_each as (
        select h.tenant_id, j.run_at, j.id,
            coalesce(b.running, 0) + row_number()
                over (partition by h.tenant_id, h.user_id order by j.run_at, j.id) as turn
        from heads h left join busy b using (tenant_id, user_id)
        cross join lateral (
            select run_at, id from job
            where tenant_id = h.tenant_id and user_id = h.user_id
              and state = 'queued' and run_at <= now()
            order by run_at, id limit greatest(1, 32 / (select count(*) from heads))
        ) j
        where h.user_id <> all (cast(:but as uuid[]))
        union all
        (select tenant_id, run_at, id, 0 from job
         where state = 'running' and lease_until <= now() and user_id <> all (cast(:but as uuid[]))
         order by lease_until limit 8)
    ), ranked as (
        select n.id, n.run_at, coalesce(t.running, 0) + row_number()
            over (partition by n.tenant_id order by n.run_at > :first, n.turn, n.run_at, n.id)
            as turn
        from next_of_each n left join (
            select tenant_id, sum(running) as running from busy group by tenant_id
        ) t using (tenant_id)
        order by turn, n.run_at, n.id limit 32
    ), picked as (
        select j.id from job j join ranked r using (id)
        where (j.state = 'queued' and j.run_at <= now())
           or (j.state = 'running' and j.lease_until <= now())
        order by r.turn, r.run_at, j.id limit 1 for update of j skip locked
    )
    update job set
        state = 'running',
        attempt = attempt + 1,
        fence = fence + 1,
        owner = :owner,
        lease_until = now() + :lease
    from picked where job.id = picked.id and (:alone or attempt + 1 <> max_attempts)
    returning job.id, tenant_id, user_id, kind, key, payload, attempt, max_attempts, fence
    """
)


async def claim(
    session: AsyncSession,
    owner: str,
    lease: timedelta,
    *,
    alone: bool = True,
    but: Collection[UUID] = (),
) -> ClaimedJob | None:
    """Take the next job, or None when there is nothing to do, for nobody of those in `but`.

    The last attempt of a job is given only to a worker that does nothing else (`alone`), and has to
    stay alone in it: of several jobs that died with their worker, nobody knows which killed it, and
    the innocent ones would be parked with the culprit. When such a job is next, a worker that is
    busy gets nothing, until some worker has ended what it does.

    A job whose attempts are used up comes back with `exhausted` set: it may not be tried again,
    only reported to whoever waits for it and then parked.
    """
    values = {"owner": owner, "lease": lease, "first": _FIRST, "alone": alone, "but": list(but)}
    row = (await session.execute(_CLAIM, values)).mappings().one_or_none()
    if row is None:
        return None
    return ClaimedJob(
        id=row["id"],
        tenant_id=row["tenant_id"],
        kind=row["kind"],
        key=row["key"],
        payload=row["payload"],
        attempt=row["attempt"],
        fence=row["fence"],
        exhausted=row["attempt"] > row["max_attempts"],
        last_attempt=row["attempt"] >= row["max_attempts"],
        user_id=row["user_id"],
    )


async def extend(session: AsyncSession, job: ClaimedJob, lease: timedelta) -> bool:
    """Prolong the lease; False when the job belongs to somebody else by now."""
    statement = text(
        "update job set lease_until = now() + :lease"
        " where id = :id and fence = :fence and state = 'running' returning id"
    )
    values = {"lease": lease, "id": job.id, "fence": job.fence}
    return (await session.execute(statement, values)).one_or_none() is not None


async def finish(session: AsyncSession, job: ClaimedJob) -> None:
    """Remove a job whose work is part of this transaction. Raises FenceLostError."""
    statement = text("delete from job where id = :id and fence = :fence returning id")
    if (await session.execute(statement, {"id": job.id, "fence": job.fence})).one_or_none() is None:
        raise FenceLostError(f"Job {job.id} was taken over by another worker.")


async def release(
    session: AsyncSession, job: ClaimedJob, reason: str, wait: timedelta = timedelta(0)
) -> None:
    """Give a job back unharmed, as after an orderly stop: the attempt does not count."""
    statement = text(
        "update job set state = 'queued', attempt = attempt - 1, owner = null, lease_until = null,"
        " last_error = :reason, run_at = now() + :wait where id = :id and fence = :fence"
    )
    values = {"reason": reason, "wait": wait, "id": job.id, "fence": job.fence}
    await session.execute(statement, values)


async def park(session: AsyncSession, job: ClaimedJob, error: str) -> None:
    """Put a job aside for good, for a person to look at. Raises FenceLostError."""
    statement = text(
        "update job set state = 'parked', owner = null, lease_until = null, last_error = :error"
        " where id = :id and fence = :fence returning id"
    )
    values = {"error": error, "id": job.id, "fence": job.fence}
    if (await session.execute(statement, values)).one_or_none() is None:
        raise FenceLostError(f"Job {job.id} was taken over by another worker.")


async def retry_later(session: AsyncSession, job: ClaimedJob, error: str, backoff: Backoff) -> None:
    """Give a failed job back, to be tried again after a while. Raises FenceLostError."""
    statement = text(
        "update job set state = 'queued', owner = null, lease_until = null, last_error = :error,"
        " run_at = now() + :wait where id = :id and fence = :fence returning id"
    )
    values = {"error": error, "wait": backoff.after(job.attempt), "id": job.id, "fence": job.fence}
    if (await session.execute(statement, values)).one_or_none() is None:
        raise FenceLostError(f"Job {job.id} was taken over by another worker.")
