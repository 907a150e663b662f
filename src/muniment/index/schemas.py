"""What the API says of chunks."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class ChunkRead(BaseModel):
    """A slice of a document's canonical text, as searches find it."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(
        description="Names document, version and position.",
        examples=["0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b:1:0"],
    )
    document_id: UUID = Field(description="The document.")
    version: int = Field(description="The version of the document whose text it is a slice of.")
    ordinal: int = Field(description="Position among the chunks of the document, from 0.")
    start: int = Field(description="Where it begins in the canonical text, in code points.")
    end: int = Field(description="Where it ends: `text[start:end]` is its text.")
    page: int | None = Field(description="Page on which it begins, from 1; null without pages.")
    headings: list[str] = Field(description="Headings above it, outermost first.")
    text: str = Field(description="Exactly `text[start:end]` of the canonical text.")
