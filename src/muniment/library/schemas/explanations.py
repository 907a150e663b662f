"""Bodies about why a document may be read, or not."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

UserStatus = Literal["active", "disabled", "unknown"]
"""`unknown`: nobody of this name has signed in yet."""

TokenSource = Literal["token", "supposed", "unknown"]


class ReasonRead(BaseModel):
    """One part of what decides."""

    model_config = ConfigDict(from_attributes=True)

    part: str = Field(description="Which part.", examples=["condition clearance"])
    holds: bool | None = Field(description="Whether it holds; null: only a token says.")
    detail: str = Field(description="Why, in words.")


class AccessExplanationRead(BaseModel):
    """Whether a user may read a document, and why; nothing that the document says."""

    document_id: UUID = Field(description="The document.")
    user_id: UUID | None = Field(description="Id of the user; null before their first sign-in.")
    issuer: str | None = Field(
        description="Who vouches for the user; null where an id was asked for, but to auditors."
    )
    subject: str | None = Field(description="What the issuer calls them; null as the issuer is.")
    status: UserStatus | None = Field(description="State of the account; null but to auditors.")
    claims: TokenSource = Field(
        description="Where groups, roles and attributes come from: the caller's own token, what"
        " the request supposes, or unknown, since they are not kept."
    )
    may_read: bool | None = Field(
        description="The verdict; null: it depends on what only a token of the user says."
    )
    reasons: list[ReasonRead] = Field(
        description="The parts: account (to auditors), tenant and deletion have to hold, and then"
        " creator, or owner, or all of the rest."
    )
