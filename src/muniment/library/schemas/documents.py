"""Bodies about documents, their versions and their access rules."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from muniment.library.access_rules import AccessRule
from muniment.library.metadata import MetadataJson
from muniment.library.schemas.fields import DocumentName, DocumentStage, DocumentStatus


class IngestionFault(BaseModel):
    """Why a document could not be read."""

    code: str = Field(description="Stable word for the reason.", examples=["no_text_layer"])
    detail: str = Field(description="What happened and what may help.")


class PaceRead(BaseModel):
    """How far the embedding of a document is, which takes most of the time, and how fast."""

    done: int = Field(description="Chunks that are embedded.")
    total: int = Field(description="Chunks of the document.")
    per_second: float | None = Field(description="Chunks per second; null until there are some.")
    remaining_s: int | None = Field(
        description="Seconds left at this pace; null until there is one."
    )


class DocumentRead(BaseModel):
    """A document as its readers see it."""

    id: UUID = Field(description="Never changes.")
    collection_id: UUID = Field(description="The collection that it is in.")
    name: str = Field(description="Name of the file.", examples=["leave.md"])
    uri: str | None = Field(description="Where it comes from, if that was said.")
    media_type: str = Field(description="What kind of file it is, decided by its bytes.")
    status: DocumentStatus = Field(description="How far the newest version is.")
    progress: float = Field(ge=0, le=1, description="How much of the work is done.")
    stage: DocumentStage = Field(description="What happens to it, or happened when it failed.")
    pace: PaceRead | None = Field(description="How fast it is embedded; null in other stages.")
    error: IngestionFault | None = Field(description="Why it failed; else null.")
    version: int = Field(description="Number of the newest version.")
    ready_version: int | None = Field(description="The version that searches find; null: none.")
    access: AccessRule | None = Field(
        default=None,
        description="The access rule; null: none. Only editors are shown this field.",
    )
    metadata: MetadataJson = Field(description="What it says about itself; used in filters.")
    bytes: int = Field(description="Size of the newest version.")
    chunks: int = Field(description="Passages that searches can find.")
    created_at: datetime = Field(description="When it was added.")
    updated_at: datetime = Field(description="When anything about it changed last.")


class UploadedDocuments(BaseModel):
    """The documents that an upload has made, changed or found unchanged, in its order."""

    documents: list[DocumentRead] = Field(description="One for each file.")


class DocumentUpdate(BaseModel):
    """A change to a document, as a JSON Merge Patch: what is absent stays as it is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"metadata": {"year": 2026}}]}
    )

    name: DocumentName | None = Field(default=None, description="Name of the file.")
    metadata: dict[str, JsonValue] | None = Field(
        default=None, description="Keys to be set; null removes a key."
    )

    @field_validator("name", "metadata")
    @classmethod
    def _stays_there(cls, value: JsonValue) -> JsonValue:
        if value is None:
            raise ValueError("this cannot be removed, only changed")
        return value


class AccessBody(BaseModel):
    """Who, of those with access to the collection, may see the document."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"rule": {"any_of": ["group:/eng"]}}]}
    )

    rule: AccessRule | None = Field(description="The access rule; null: everybody with a grant.")


class PageSpan(BaseModel):
    """Where a page of the document stands in its text."""

    number: int = Field(ge=1, description="Number of the page, from 1.")
    start: int = Field(ge=0, description="Offset of its first character, in code points.")
    end: int = Field(ge=0, description="Offset behind its last character, in code points.")


class TextRead(BaseModel):
    """The canonical text of a version, which citations quote literally."""

    document_id: UUID = Field(description="The document.")
    version: int = Field(description="Number of the version.")
    title: str | None = Field(description="Its title, if it says one.")
    language: str | None = Field(description="Its language, as detected or set.")
    text: str = Field(description="The text; it never changes. Offsets count code points.")
    pages: list[PageSpan] = Field(description="Its pages; empty where there are none.")


class VersionRead(BaseModel):
    """One version of a document."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(description="Counts from 1.")
    media_type: str = Field(description="What kind of file it is.")
    bytes: int = Field(description="Size of the file.", validation_alias="size")
    sha256: str = Field(description="SHA-256 of the file, hexadecimal.")
    title: str | None = Field(description="Its title, if it says one.")
    language: str | None = Field(description="Its language, once it was read.")
    created_at: datetime = Field(description="When it was added.")
    ready_at: datetime | None = Field(description="When it became findable.")

    @field_validator("sha256", mode="before")
    @classmethod
    def _as_hexadecimal(cls, value: object) -> object:
        return value.hex() if isinstance(value, (bytes, bytearray)) else value


class ProgressRead(BaseModel):
    """How far a document is: the data of an event."""

    id: UUID = Field(description="The document.")
    status: DocumentStatus = Field(description="How far the newest version is.")
    progress: float = Field(description="How much of the work is done.")
    stage: DocumentStage = Field(description="What happens to it, or happened when it failed.")
    pace: PaceRead | None = Field(description="How fast it is embedded; null in other stages.")
    error: IngestionFault | None = Field(description="Why it failed; else null.")


class CollectionProgressRead(BaseModel):
    """How far a collection is, of the documents that the caller may read: the data of an event."""

    id: UUID = Field(description="The collection.")
    waiting: int = Field(description="Documents that wait for a worker.")
    processing: int = Field(description="Documents that are being read.")
    failed: int = Field(description="Documents that could not be read.")
    per_second: float | None = Field(
        description="Documents that ended per second, over the last minute; null where none did."
    )
    remaining_s: int | None = Field(
        description=(
            "Seconds until nothing waits, at this pace; where there is none and nothing waits, what"
            " the slowest of those that are embedded still needs; null where neither is known."
        )
    )
