"""Bodies of the users API, both ways.

What comes in is checked closely; what goes out was checked when it came in and is passed on as it
is, so that a stricter rule of tomorrow cannot make yesterday's profile unreadable.
"""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
)

from muniment.identity.names import IssuerIdentifier, Subject, is_plain
from muniment.identity.permissions import Permission
from muniment.ports.access import AttributeValue

MAX_NUMBER: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8259, 6)."""

_TIME_ZONES: Final = available_timezones()


def _plain(text: str) -> str:
    if text and not is_plain(text, len(text)):
        raise ValueError("control characters are not allowed")
    return text


def _known_time_zone(name: str) -> str:
    if name not in _TIME_ZONES:
        raise ValueError("this is not the name of a time zone, such as Europe/Vienna")
    return name


DisplayName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_plain),
]
Locale = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", max_length=35)
]
"""A language tag by its shape (RFC 5646, 2.1); whether the language exists is not checked."""
TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_time_zone)]
PreferenceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
PreferenceText = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_plain)]
PreferenceNumber = Annotated[StrictInt, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]
PreferenceValue = StrictBool | PreferenceNumber | PreferenceText
SearchText = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_plain)]
SortedNames = Annotated[list[str], BeforeValidator(sorted)]
UserStatus = Literal["active", "disabled"]


class ProfileUpdate(BaseModel):
    """Changes to one's own profile: a JSON Merge Patch (RFC 7396)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"display_name": "Ada Lovelace", "preferences": {"theme": "dark", "beta": None}}
            ]
        },
    )

    display_name: DisplayName | None = Field(
        default=None, description="What to call the user; null removes it."
    )
    locale: Locale | None = Field(
        default=None,
        description="Language and region as a BCP 47 tag; null removes it.",
        examples=["de-AT"],
    )
    time_zone: TimeZone | None = Field(
        default=None,
        description="Name in the IANA time zone database; null removes it.",
        examples=["Europe/Vienna"],
    )
    preferences: dict[PreferenceName, PreferenceValue | None] = Field(
        default_factory=dict,
        max_length=256,
        description="Settings of user interfaces, merged one by one; null removes one.",
    )


class UserCreate(BaseModel):
    """A user to be made known before their first sign-in."""

    model_config = ConfigDict(extra="forbid")

    issuer: IssuerIdentifier = Field(
        description="The exact text of `iss` in the user's tokens.",
        examples=["https://sso.example.com/realms/muniment"],
    )
    subject: Subject = Field(
        description="The `sub` of the user's tokens.",
        examples=["7b0c8a52-31c3-4f7e-9f0e-0b7b2a4d9c55"],
    )


class UserUpdate(BaseModel):
    """What an administrator may change about a user."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"status": "disabled"}]}
    )

    status: UserStatus = Field(
        description="`disabled` shuts the user out at their next request, whatever their token."
    )


class UserFilter(BaseModel):
    """Which users a list shows."""

    status: UserStatus | None = Field(default=None, description="Only users with this status.")
    q: SearchText | None = Field(
        default=None, description="Only users with this text in their display name or subject."
    )


class UserRead(BaseModel):
    """A user, as administrators see one."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_serialization_defaults_required=True
    )

    id: UUID = Field(description="Id of the user; `user:<id>` names them in grants and rules.")
    issuer: str = Field(description="Who vouches for the user: `iss` of their tokens.")
    subject: str = Field(description="Who they are there: `sub` of their tokens.")
    status: str = Field(description="Whether the user may sign in.", examples=["active"])
    display_name: str | None = Field(
        default=None,
        validation_alias=AliasPath("profile", "display_name"),
        description="What the user wants to be called.",
        examples=["Ada Lovelace"],
    )
    locale: str | None = Field(
        default=None,
        validation_alias=AliasPath("profile", "locale"),
        description="Language and region as a BCP 47 tag.",
        examples=["de-AT"],
    )
    time_zone: str | None = Field(
        default=None,
        validation_alias=AliasPath("profile", "time_zone"),
        description="Name in the IANA time zone database.",
        examples=["Europe/Vienna"],
    )
    preferences: dict[str, str | int | bool] = Field(
        default_factory=dict,
        validation_alias=AliasPath("profile", "preferences"),
        description="Settings of user interfaces.",
        examples=[{"theme": "dark"}],
    )
    created_at: datetime = Field(description="When the user was made known here.")
    updated_at: datetime = Field(description="When status or profile changed last.")


class ProfileRead(UserRead):
    """The caller's own profile, and what their token lets them do."""

    tenant: str = Field(
        validation_alias=AliasPath("principal", "tenant"),
        description="The organisation that the caller acts in.",
        examples=["default"],
    )
    roles: SortedNames = Field(
        validation_alias=AliasPath("principal", "roles"),
        description="Roles that the issuer asserts.",
        examples=[["member"]],
    )
    groups: SortedNames = Field(
        validation_alias=AliasPath("principal", "groups"),
        description="Full paths of the groups that the issuer asserts.",
        examples=[["/eng/search"]],
    )
    attributes: dict[str, AttributeValue] = Field(
        validation_alias=AliasPath("principal", "attributes"),
        description="Attributes that access rules may use.",
        examples=[{"clearance": 3, "department": "hr"}],
    )
    permissions: Annotated[list[Permission], BeforeValidator(sorted)] = Field(
        validation_alias=AliasPath("principal", "permissions"),
        description="What the roles allow; access rules decide on single objects.",
    )
