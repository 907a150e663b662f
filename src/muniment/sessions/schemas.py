"""What the routes of signing in take and tell."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

# All of them together fit into an address as long as any is read.
_Short = Annotated[str | None, Field(default=None, max_length=128)]
_Word = Annotated[str | None, Field(default=None, max_length=512)]
_Text = Annotated[str | None, Field(default=None, max_length=1024)]
_Code = Annotated[str | None, Field(default=None, max_length=2048)]


class CallbackParameters(BaseModel):
    """What issuers put into the address when they send a browser back; most of it says nothing."""

    model_config = ConfigDict(frozen=True)

    state: _Word = None
    code: _Code = None
    iss: _Word = None
    error: _Word = None
    error_description: _Text = None
    error_uri: _Word = None
    session_state: _Word = None
    scope: _Text = None
    prompt: _Short = None
    authuser: _Short = None
    hd: _Short = None


class SignedInUser(BaseModel):
    """Who is signed in, as far as a page needs it before it asks for more."""

    model_config = ConfigDict(frozen=True)

    id: UUID = Field(description="Id of the user.")
    subject: str = Field(description="Name of the user at the issuer.")
    tenant: str = Field(description="The organisation.")
    roles: list[str] = Field(description="Roles, as the issuer asserted them.")


class SessionState(BaseModel):
    """Whether this browser is signed in, and how its pages may change anything."""

    model_config = ConfigDict(frozen=True)

    signed_in: bool = Field(description="Whether the cookie stands for a living session.")
    user: SignedInUser | None = Field(description="Who is signed in.")
    expires_at: datetime | None = Field(
        description="When the session ends if nothing more is done with it."
    )
    csrf_header: str = Field(
        description="The header, with the value `1`, that changes need beside the cookie."
    )


class SignedOut(BaseModel):
    """That the session has ended here."""

    model_config = ConfigDict(frozen=True)

    end_session_url: str | None = Field(
        description="Where the browser ends its session at the issuer too; null without one."
    )


class OwnSession(BaseModel):
    """One browser that the caller is signed in with."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: UUID = Field(description="Id of the session; it is no secret.")
    created_at: datetime = Field(description="When the user signed in.")
    last_seen_at: datetime = Field(description="When it was last used, to the minute.")
    expires_at: datetime = Field(description="When it ends if it is not used.")
    user_agent: str = Field(description="What the browser calls itself.")
    is_current: bool = Field(description="Whether this request came with it.")
