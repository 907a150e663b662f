"""Bodies and parameters about whom one can share with."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from muniment.identity.names import is_plain

MOST_FOUND: Final = 20
"""A person picks from a short list, and writes one more letter where it is too long."""


def _plain(text: str) -> str:
    if not is_plain(text, len(text)):
        raise ValueError("control characters are not allowed")
    return text


PickText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=2, max_length=200),
    AfterValidator(_plain),
]


class PickQuery(BaseModel):
    """Whom to look for."""

    query: PickText = Field(
        description="What the name contains, of at least two characters; capitals make no"
        " difference, and no character is a wildcard.",
        examples=["ali"],
    )
    limit: int = Field(default=10, ge=1, le=MOST_FOUND, description="How many to give at the most.")


class PrincipalFound(BaseModel):
    """Somebody to share with. Nothing else is told of them."""

    model_config = ConfigDict(from_attributes=True)

    principal: str = Field(
        description="The name that grants and access rules take.",
        examples=["user:0198f2e5-c6a7-7000-8000-000000000000", "group:/eng"],
    )
    kind: Literal["user", "group"] = Field(
        description="Whether it is one user or a group with those below it."
    )
    label: str = Field(
        description="What to show: of a user, the name that the issuer asserts and the one that"
        " they chose, in brackets where it is another; of a group, its path.",
        examples=["Alice Example"],
    )


class PrincipalsFound(BaseModel):
    """Those that were found, the likelier first. There are no pages: write more of the name."""

    model_config = ConfigDict(from_attributes=True)

    items: list[PrincipalFound] = Field(description="At most as many as were asked for.")
