"""Bodies about collections and grants."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator

from muniment.identity.names import PrincipalName
from muniment.library.access_rules import AccessRule
from muniment.library.schemas.fields import (
    CollectionName,
    CollectionRole,
    Description,
    LanguageCode,
)


class CollectionCreate(BaseModel):
    """A collection to be made."""

    model_config = ConfigDict(extra="forbid")

    name: CollectionName = Field(description="What people call it.", examples=["Handbook"])
    description: Description = Field(default="", description="What is in it.")
    language: LanguageCode | None = Field(
        default=None,
        description="Language of all its documents; null detects it for each of them.",
    )
    default_access: AccessRule | None = Field(
        default=None, description="The access rule of documents that come without one of their own."
    )


class CollectionUpdate(BaseModel):
    """A change to a collection, as a JSON Merge Patch: what is absent stays as it is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"description": "Rules and forms"}]}
    )

    name: CollectionName | None = Field(default=None, description="What people call it.")
    description: Description | None = Field(default=None, description="What is in it.")
    language: LanguageCode | None = Field(
        default=None, description="Language of its documents from now on; null detects it."
    )
    default_access: AccessRule | None = Field(
        default=None,
        description="The access rule of documents that come from now on without one of their own,"
        " as a whole; null: they have none.",
    )

    @field_validator("name", "description")
    @classmethod
    def _stays_there(cls, value: str | None) -> str:
        if value is None:
            raise ValueError("this cannot be removed, only changed")
        return value


class CollectionRead(BaseModel):
    """A collection as its readers see it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(description="Never changes.")
    name: str = Field(description="What people call it; need not be unique.")
    description: str = Field(description="What is in it.")
    language: str | None = Field(description="Language of its documents; null: detected.")
    role: CollectionRole | None = Field(
        description="The caller's own role in it; null for admins without a grant."
    )
    default_access: AccessRule | None = Field(
        default=None,
        description="The access rule of documents that come without one; shown to editors alone.",
    )
    created_at: datetime = Field(description="When it was made.")
    updated_at: datetime = Field(description="When its name or settings changed last.")


class GrantWrite(BaseModel):
    """A role to be given to a principal."""

    model_config = ConfigDict(extra="forbid")

    principal: PrincipalName
    role: CollectionRole = Field(description="What the principal may do.")


class GrantRead(BaseModel):
    """A role that a principal holds."""

    model_config = ConfigDict(from_attributes=True)

    principal: str = Field(
        description="Who holds it; a user who is known, by id.", examples=["group:/eng"]
    )
    role: CollectionRole = Field(description="What the principal may do.")
    created_at: datetime = Field(description="When it was given first.")
