"""Settings of the database."""

from datetime import timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from muniment.kit.durations import Duration


class DatabaseSettings(BaseModel):
    """Where the database is and how patient we are with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr | None = Field(
        default=None,
        description="Address of the role that serves requests, as postgresql://role:password@host/name."
        " It may be neither owner nor superuser nor BYPASSRLS. Empty: the embedded PostgreSQL.",
    )
    owner_url: SecretStr | None = Field(
        default=None,
        description="Address of the role that owns the tables: `migrate` and `up` change them as "
        "it, `doctor` looks.",
    )
    worker_url: SecretStr | None = Field(
        default=None, description="Address of the role that runs jobs."
    )
    pool_size: int = Field(
        default=10,
        ge=1,
        le=200,
        description="Connections of each process to the database, per role.",
    )
    pool_timeout: Duration = Field(
        default=timedelta(seconds=5),
        description="How long a request waits for a free connection before it is answered 503.",
    )
    statement_timeout: Duration = Field(
        default=timedelta(seconds=30), description="Longest time of one statement."
    )
    lock_timeout: Duration = Field(
        default=timedelta(seconds=5), description="Longest wait for a lock."
    )
    pooler: bool = Field(
        default=False,
        description="Set when a pooler in transaction mode (such as pgbouncer) stands before the"
        " database: prepared statements are then not kept.",
    )
    embedded_fsync: bool = Field(
        default=True,
        description="Embedded PostgreSQL only: false trades safety in a power cut for speed.",
    )

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        if self.url is None and (self.owner_url is not None or self.worker_url is not None):
            raise ValueError("owner_url and worker_url need url as well")
        return self
