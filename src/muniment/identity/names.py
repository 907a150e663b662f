"""Names of principals, as grants and access rules write them and callers answer to them.

A name never holds a control character: the names of a caller travel to the database as one
setting, joined by U+001F, and a name with that character in it would be two names there.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Final
from uuid import UUID

from pydantic import AfterValidator, Field

EVERYONE: Final = "everyone"
MAX_NAME_LENGTH: Final = 512
MAX_SUBJECT_LENGTH: Final = 255
"""OpenID Connect Core 1.0, section 2, on `sub`."""
MAX_ISSUER_LENGTH: Final = MAX_NAME_LENGTH - MAX_SUBJECT_LENGTH - len("user:|")
MAX_ROLE_LENGTH: Final = 128
MAX_GROUP_LENGTH: Final = MAX_NAME_LENGTH - len("group:")
MAX_GROUP_DEPTH: Final = 32
"""Every group brings its ancestors along; without a limit a long path would bring hundreds."""

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def is_plain(text: str, max_length: int) -> bool:
    """Tell whether a text is there, short enough, and free of what breaks lines or encodings."""
    return 0 < len(text) <= max_length and _UNSAFE.search(text) is None


def user_name(issuer: str, subject: str) -> str:
    """Name a user by the issuer that vouches for them and their identifier there."""
    return f"user:{issuer}|{subject}"


def valid_subject(text: str) -> str:
    """Give the text back if it can identify a user at an issuer; raise ValueError otherwise."""
    if len(text) > MAX_SUBJECT_LENGTH or not text.strip() or not text.isprintable():
        raise ValueError("a subject has 1 to 255 printable characters")
    return text


def valid_issuer(text: str) -> str:
    """Give the text back if it can identify an issuer; raise ValueError otherwise."""
    if not is_plain(text, MAX_ISSUER_LENGTH) or "|" in text or " " in text:
        raise ValueError(f"an issuer is an address of at most {MAX_ISSUER_LENGTH} characters")
    return text


def valid_role(text: str) -> str:
    """Give the text back if it can name a role; raise ValueError otherwise."""
    if not is_plain(text, MAX_ROLE_LENGTH) or text != text.strip():
        raise ValueError("a role has 1 to 128 characters and no spaces around it")
    return text


def valid_group(text: str) -> str:
    """Give the text back if it is the full path of a group; raise ValueError otherwise."""
    segments = text.split("/")
    if (
        not is_plain(text, MAX_GROUP_LENGTH)
        or segments[0]
        or not all(segments[1:])
        or len(segments) > MAX_GROUP_DEPTH + 1
    ):
        raise ValueError(
            "a group is a full path such as /eng/search: it starts with a slash, does not end "
            f"with one, has no empty part and at most {MAX_GROUP_DEPTH} parts"
        )
    return text


def valid_group_prefix(text: str) -> str:
    """Give the text back if groups can stand below it: the path of a group, or `/` for all."""
    return text if text == "/" else valid_group(text)


def is_at_or_below(path: str, prefix: str) -> bool:
    """Tell whether a group is the prefix or below it: `/eng` covers `/eng/a`, not `/engine`."""
    return prefix in {"/", path} or path.startswith(f"{prefix}/")


def covering_groups(path: str, prefix: str) -> Iterator[str]:
    """Give a group and its ancestors, up to the prefix: the groups that its members are in."""
    while path and is_at_or_below(path, prefix):
        yield path
        path = path.rpartition("/")[0]


def principal_name(text: str) -> str:
    """Give the name in its one spelling if the grammar knows it; raise ValueError otherwise."""
    if not is_plain(text, MAX_NAME_LENGTH):
        raise ValueError("a principal has 1 to 512 characters, none of them a control character")
    kind, _, rest = text.partition(":")
    match kind:
        case "user":
            return f"user:{_user(rest)}"
        case "group":
            return f"group:{valid_group(rest)}"
        case "role":
            return f"role:{valid_role(rest)}"
        case _ if text == EVERYONE:
            return text
        case _:
            raise ValueError(
                "write a principal as user:<id>, user:<issuer>|<subject>, group:/<path>, "
                "role:<name> or everyone"
            )


def _user(text: str) -> str:
    issuer, bar, identifier = text.partition("|")
    if bar:
        return f"{valid_issuer(issuer)}|{valid_subject(identifier)}"
    try:
        user_id = str(UUID(text))
    except ValueError:
        user_id = None
    if user_id is None or user_id != text.lower():
        raise ValueError("name a user by id or as user:<issuer>|<subject>")
    return user_id


PrincipalName = Annotated[
    str,
    Field(
        max_length=MAX_NAME_LENGTH,
        description="A user, a group with its descendants, a role, or everyone in the tenant.",
        examples=["group:/eng", "role:auditor", "everyone"],
    ),
    AfterValidator(principal_name),
]
"""A principal in a grant or an access rule, validated and in its one spelling."""

Subject = Annotated[str, AfterValidator(valid_subject)]
"""The identifier of a user at an issuer."""

IssuerIdentifier = Annotated[str, AfterValidator(valid_issuer)]
"""The exact text that an issuer puts into `iss`."""

RoleName = Annotated[str, AfterValidator(valid_role)]
"""The name of a role."""

GroupPrefix = Annotated[str, AfterValidator(valid_group_prefix)]
"""The path at or below which groups count."""
