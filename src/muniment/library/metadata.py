"""Metadata of documents: small, flat, typed, and usable in filters."""

from typing import Annotated, TypeAlias

from pydantic import Field, StringConstraints, TypeAdapter

MetadataKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
MetadataText = Annotated[str, StringConstraints(max_length=1024)]
MetadataValue: TypeAlias = bool | int | float | MetadataText | list[MetadataText]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=64)]
"""What a document says about itself: up to 64 keys with texts, numbers, flags or lists of texts."""

MetadataJson: TypeAlias = dict[str, bool | int | float | str | list[str]]

METADATA: TypeAdapter[MetadataJson] = TypeAdapter(Metadata)
