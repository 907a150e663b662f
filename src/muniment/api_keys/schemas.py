"""Bodies about API keys."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from muniment.identity.names import is_plain
from muniment.identity.permissions import Permission
from muniment.identity.settings import KeyLifetime


def _plain(text: str) -> str:
    if not is_plain(text, len(text)):
        raise ValueError("control characters are not allowed")
    return text


KeyName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(_plain),
]

KeyStatus = Literal["active", "expired", "revoked"]


class ApiKeyCreate(BaseModel):
    """An API key to be made for the caller."""

    model_config = ConfigDict(extra="forbid")

    name: KeyName = Field(
        description="What it is for, so that its owner knows it again.",
        examples=["Nightly import"],
    )
    scope: frozenset[Permission] = Field(
        min_length=1,
        description="The permissions that it may use, of those that its owner has.",
        examples=[["search:query"]],
    )
    expires_in: KeyLifetime | None = Field(
        default=None,
        description="How long it is good: ISO 8601 or seconds; null: as long as the settings say.",
        examples=["P30D"],
    )


class ApiKeyRead(BaseModel):
    """An API key as its owner sees it, without the secret."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_serialization_defaults_required=True
    )

    id: UUID = Field(description="Never changes.")
    name: str = Field(description="What it is for.", examples=["Nightly import"])
    prefix: str = Field(description="How the key begins.", examples=["mun_3kTMd9pW"])
    scope: list[str] = Field(
        description="The permissions that it may use while its owner has them.",
        examples=[["search:query"]],
    )
    status: KeyStatus = Field(
        description="active: good while its owner is; expired and revoked: for good."
    )
    created_at: datetime = Field(description="When it was made.")
    expires_at: datetime = Field(description="When it stops by itself.")
    last_used_at: datetime | None = Field(
        description="When it was used last, to the minute; null: never."
    )
    revoked_at: datetime | None = Field(description="When it was revoked; null: it was not.")


class ApiKeyCreated(ApiKeyRead):
    """An API key that was just made, with the secret: it is shown this once."""

    key: str = Field(
        repr=False,
        description="The key itself, for the header `Authorization: Bearer`. It is not kept, so"
        " nobody can show it again.",
        examples=["mun_3kTMd9pW…"],
    )
