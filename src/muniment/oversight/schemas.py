"""What of the audit is shown, and by what it is searched."""

from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from muniment.audit.acts import Action
from muniment.audit.models import AuditEntry
from muniment.identity.names import MAX_NAME_LENGTH, is_plain


def _in_utc(moment: datetime) -> datetime:
    """Read a moment that the database could hold: still a date in UTC."""
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this moment is out of range") from error


def _plain(text: str) -> str:
    if not is_plain(text, MAX_NAME_LENGTH):
        raise ValueError(f"this has 1 to {MAX_NAME_LENGTH} characters, none of them a control")
    return text


def _written_out(value: object) -> object:
    """Refuse what is read as seconds since 1970: a moment is written out (RFC 3339, 5.6)."""
    if not isinstance(value, datetime) and "T" not in str(value).upper():
        raise ValueError("write the moment with date, time and offset: 2026-01-31T12:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]


class EntryFilter(BaseModel):
    """Which entries are wanted; without any filter all of them."""

    model_config = ConfigDict(frozen=True)

    action: Action | None = Field(default=None, description="Only entries of this action.")
    actor: Annotated[str, AfterValidator(_plain)] | None = Field(
        default=None,
        description="Only entries of this actor: the id of a user, `<issuer>|<subject>`, or"
        " `actor` of an entry.",
    )
    since: Moment | None = Field(
        default=None, description="Only entries from this moment on, with an offset or `Z`."
    )
    until: Moment | None = Field(
        default=None, description="Only entries from before this moment, with an offset or `Z`."
    )


class EntryObject(BaseModel):
    """What was acted on."""

    kind: str = Field(
        description="What it is.",
        examples=["user", "collection", "document", "source", "key", "session"],
    )
    id: UUID = Field(description="Its id. It may be gone.")


class EntryDetails(BaseModel):
    """Facts of an entry, null where the action has none; never content, titles or secrets."""

    principal: str | None = Field(
        description="Whom a grant is for. Of a user who never signed in, the subject is hashed."
    )
    role: str | None = Field(description="The role that a grant gives or gave.")
    collection_id: UUID | None = Field(description="Where the object is or was.")
    is_restricted: bool | None = Field(
        description="Whether the document has an access rule from then on."
    )
    key_id: UUID | None = Field(description="The API key that the actor came with.")
    reason: str | None = Field(description="The code of why something was refused.")
    route: str | None = Field(
        description="Verb and template of the route, of the first of those that are counted."
    )


class EntryRead(BaseModel):
    """One act, or what was refused to one caller in one minute."""

    id: int = Field(description="Number of the entry; gaps mean nothing.")
    created_at: datetime = Field(description="When it was written, by the database's clock.")
    action: str = Field(
        description="What was done; a newer server may know more actions.",
        examples=[action.value for action in Action],
    )
    outcome: str = Field(description="`done`, `denied` or `failed`.", examples=["done"])
    actor: str = Field(
        description="Issuer and a hash of the subject, or `anonymous` and a network."
    )
    actor_id: UUID | None = Field(description="Id of the user; null where none is known.")
    object: EntryObject | None = Field(description="What was acted on; null for a sign-in.")
    details: EntryDetails = Field(description="Facts of the entry.")
    request_id: str | None = Field(
        description="The request, the first of those that are counted; null on the command line."
    )
    address: str | None = Field(description="Where that request came from.")
    count: int = Field(description="How often it was, for what is counted; 1 otherwise.")

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Show an entry; facts that only a newer server knows are left out."""
        known = {name: entry.details.get(name) for name in EntryDetails.model_fields}
        target = None
        if entry.object_kind is not None and entry.object_id is not None:
            target = EntryObject(kind=entry.object_kind, id=entry.object_id)
        return cls(
            id=entry.id,
            created_at=entry.created_at,
            action=entry.action,
            outcome=entry.outcome,
            actor=entry.actor,
            actor_id=entry.actor_id,
            object=target,
            details=EntryDetails.model_validate(known),
            request_id=entry.request_id,
            address=None if entry.address is None else str(entry.address),
            count=entry.count,
        )
