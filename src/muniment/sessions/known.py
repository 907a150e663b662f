"""A session as a request with its cookie finds it: what let the caller in, and for how long."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import JsonValue, SecretStr, TypeAdapter

from muniment.audit.acts import Actor
from muniment.identity.authentication import Caller
from muniment.identity.grounds import Grounds
from muniment.identity.permissions import permissions_of
from muniment.identity.principal import Principal
from muniment.identity.repository import KnownAccount
from muniment.identity.settings import IdentitySettings
from muniment.postgres.prepared import PreparedReads
from muniment.postgres.unit_of_work import Scope
from muniment.sessions.rights import Rights
from muniment.sessions.tickets import hash_of

_FIND: Final = "select * from muniment_web_session($1)"


@dataclass(frozen=True, slots=True)
class KnownSession:
    """One session with its account, read in one statement."""

    id: UUID
    is_previous: bool
    """Whether the cookie's value is the one before the last change of rights."""
    issuer: str
    subject: str
    sid: str | None
    rights: Rights
    verified_at: datetime
    issued_at: datetime | None
    access_expires_at: datetime | None
    refresh_generation: int
    lease_until: datetime | None
    refresh_failed_at: datetime | None
    created_at: datetime
    last_seen_at: datetime
    idle_expires_at: datetime
    absolute_expires_at: datetime
    tenant: str
    account_id: UUID
    tenant_id: int
    status: str
    revision: int
    account_created_at: datetime
    account_updated_at: datetime
    profile: dict[str, JsonValue] | None

    @property
    def scope(self) -> Scope:
        """Give the scope of its user, who alone may see it."""
        return own_scope(self.tenant_id, self.account_id)

    @property
    def actor(self) -> Actor:
        """Name its user for the trail of what was done."""
        return Actor.user(self.account_id, self.tenant_id, self.issuer, self.subject)

    @property
    def ends_at(self) -> datetime:
        """Tell when it ends if nothing more is done."""
        return min(self.idle_expires_at, self.absolute_expires_at)

    def is_over(self, now: datetime) -> bool:
        """Tell whether it was not used for too long, or goes on for too long."""
        return now >= self.ends_at

    def is_stale(self, now: datetime) -> bool:
        """Tell whether the issuer has to be asked again."""
        return self.access_expires_at is not None and now >= self.access_expires_at

    def believed_until(self, grace: timedelta) -> datetime:
        """Tell how long its rights hold if the issuer cannot be asked."""
        if self.access_expires_at is None:
            return self.ends_at
        return min(self.access_expires_at + grace, self.ends_at)

    def grounds(self, now: datetime, grace: timedelta) -> Grounds:
        """Give what it may be taken back by. Open streams end when the issuer is to be asked."""
        until = self.believed_until(grace if self.is_stale(now) else timedelta(0))
        return Grounds(
            account_id=self.account_id,
            issuer=self.issuer,
            subject=self.subject,
            admitted_at=now,
            issued_at=self.issued_at,
            expires_at=until,
            session_id=self.sid,
            web_session_id=self.id,
        )

    def caller(
        self, grounds: Grounds, settings: IdentitySettings, new_cookie: SecretStr | None = None
    ) -> Caller:
        """Make the caller whom it lets in."""
        roles = frozenset(self.rights.roles)
        principal = Principal(
            user_id=self.account_id,
            tenant_id=self.tenant_id,
            tenant=self.tenant,
            issuer=self.issuer,
            subject=self.subject,
            roles=roles,
            groups=frozenset(self.rights.groups),
            attributes=self.rights.attributes,
            permissions=permissions_of(roles, settings.roles),
            expires_at=grounds.expires_at,
            client=self.rights.client,
            group_prefix=self.rights.group_prefix,
        )
        account = KnownAccount(
            account_id=self.account_id,
            tenant_id=self.tenant_id,
            status=self.status,
            revision=self.revision,
            created_at=self.account_created_at,
            updated_at=self.account_updated_at,
            profile=self.profile,
        )
        return Caller(principal, account, grounds, new_cookie)


_KNOWN: Final = TypeAdapter(KnownSession)


def own_scope(tenant_id: int, account_id: UUID) -> Scope:
    """Give the scope in which the sessions of one user are seen, and those of nobody else."""
    return Scope(tenant_id, frozenset({f"user:{account_id}"}))


async def find_session(reads: PreparedReads, ticket: str) -> KnownSession | None:
    """Read a living session by the value of its cookie, in one statement."""
    row = await reads.row(_FIND, hash_of(ticket))
    return None if row is None else _KNOWN.validate_python(row)
