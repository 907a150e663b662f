"""What an entry can say: a closed list of actions, who acted, on what, and a few plain facts."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from muniment.kit.origin import network_of

Outcome = Literal["done", "denied", "failed"]
ObjectKind = Literal["user", "collection", "document", "source", "key", "session"]

_HASH_LENGTH: Final = 16


class Action(StrEnum):
    """What was done, written `object.deed`; the guide lists them with their descriptions."""

    description: str

    def __new__(cls, value: str, description: str = "") -> Self:
        """Make a member that is its value and carries its description."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    ACCESS_DENIED = "access.denied", "A caller who is known asked for what they may not do."
    COLLECTION_DELETED = "collection.deleted", "A collection was deleted with its documents."
    DEFAULT_RULE_CHANGED = (
        "default_rule.changed",
        "The access rule of a collection's coming documents was set, replaced or removed.",
    )
    DOCUMENT_DELETED = "document.deleted", "A document was deleted."
    GRANT_GIVEN = "grant.given", "A principal was given a role in a collection."
    GRANT_TAKEN = "grant.taken", "A principal's role in a collection was taken away."
    KEY_MADE = "key.made", "An API key was made."
    KEY_REVOKED = "key.revoked", "An API key was taken back."
    LOGOUT = "logout", "The issuer said that a session of its own has ended."
    RULE_CHANGED = "rule.changed", "The access rule of a document was set, replaced or removed."
    SESSION_ENDED = "session.ended", "A browser session was ended."
    SESSION_STARTED = "session.started", "A browser session was started."
    SIGN_IN = "sign_in", "A user came with a token that was not seen before."
    SIGN_IN_REFUSED = "sign_in.refused", "A credential was refused, or there was none."
    SOURCE_ADDED = "source.added", "An address was added that a document follows."
    SOURCE_REMOVED = "source.removed", "An address is not followed any more."
    USER_DISABLED = "user.disabled", "A user was shut out."
    USER_ENABLED = "user.enabled", "A user who was shut out was let in again."
    USER_ERASED = "user.erased", "The personal data of a user was erased."
    USER_PROVISIONED = "user.provisioned", "A user was made known before their first sign-in."


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted: a user of a tenant, or somebody of whom no more than an address is known."""

    name: str
    """Issuer and a hash of the subject, or `anonymous` and where they came from."""
    account_id: UUID | None = None
    tenant_id: int | None = None

    @classmethod
    def user(cls, account_id: UUID, tenant_id: int, issuer: str, subject: str) -> Self:
        """Name a user who has an account."""
        return cls(name_of(issuer, subject), account_id, tenant_id)

    @classmethod
    def anonymous(cls, address: str | None) -> Self:
        """Name somebody who is not known by the network that they came from."""
        return cls("anonymous" if address is None else f"anonymous {network_of(address)}")


@dataclass(frozen=True, slots=True)
class Target:
    """What was acted on, by its id alone: names and titles may be what nobody else may read."""

    kind: ObjectKind
    id: UUID


class Details(BaseModel):
    """Facts of an entry, a closed list: no content, no names of documents, no secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    principal: str | None = None
    """Whom a grant is for, as `principal_in_trail` writes it."""
    role: str | None = None
    collection_id: UUID | None = None
    is_restricted: bool | None = None
    """Whether the document has an access rule from then on."""
    reason: str | None = None
    """The code of why something was refused."""
    route: str | None = None
    """Verb and template of the route, never the path itself."""


NO_DETAILS: Final = Details()


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that somebody did."""

    action: Action
    actor: Actor
    target: Target | None = None
    details: Details = NO_DETAILS


def name_of(issuer: str, subject: str) -> str:
    """Name a user for the trail: who has the subject can find the entries, no entry tells it.

    The trail outlives an erased user by months, so it never holds a subject in clear.
    """
    digest = sha256(f"{issuer}\0{subject}".encode()).hexdigest()
    return f"{issuer}|{digest[:_HASH_LENGTH]}"


def principal_in_trail(principal: str) -> str:
    """Write the principal of a grant as the trail may hold it: a subject is hashed."""
    kind, _, who = principal.partition(":")
    issuer, bar, subject = who.partition("|")
    return f"user:{name_of(issuer, subject)}" if kind == "user" and bar else principal
