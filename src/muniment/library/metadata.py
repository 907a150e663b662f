"""Metadata of documents: small, flat, typed, and usable in filters."""

from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter

EXACT_INTEGERS: Final = 2**53
"""JSON carries whole numbers up to this size exactly (RFC 8259, section 6)."""


def _exact(number: float) -> float:
    if isinstance(number, int) and abs(number) > EXACT_INTEGERS:
        raise ValueError("a whole number has at most 53 bits; write a larger one as text")
    return number


MetadataKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
MetadataText = Annotated[str, StringConstraints(max_length=1024, pattern=r"^[^\x00]*$")]
MetadataNumber = Annotated[
    Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True, allow_inf_nan=False)],
    AfterValidator(_exact),
]
MetadataFlag = Annotated[bool, Field(strict=True)]
MetadataScalar: TypeAlias = MetadataFlag | MetadataNumber | MetadataText
MetadataValue: TypeAlias = MetadataScalar | Annotated[list[MetadataText], Field(max_length=256)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=64)]
"""What a document says about itself: up to 64 keys with texts, numbers, flags or lists of texts."""

MetadataJson: TypeAlias = dict[str, bool | int | float | str | list[str]]

METADATA: TypeAdapter[MetadataJson] = TypeAdapter(Metadata)
