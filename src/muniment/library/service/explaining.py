"""Who may ask why somebody reads a document or not, and what they are told.

Owners of its collection may, who see its grants anyway; so may auditors (`audit:read`), whom the
answer shows no name and no word of a document that is closed to them. Only they are told of the
state of an account.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.names import valid_group, valid_issuer, valid_role, valid_subject
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.kit.errors import FieldProblem, InvalidInputError
from muniment.library.errors import DocumentNotFoundError, NotAnOwnerError
from muniment.library.explanation import Explanation, Reason, explain_access
from muniment.library.repository.collections import CollectionRepository
from muniment.library.repository.documents import DocumentRepository
from muniment.library.repository.explanations import ExplanationRepository, Person
from muniment.library.schemas.explanations import (
    AccessExplanationRead,
    ReasonRead,
    TokenSource,
    UserStatus,
)
from muniment.ports.access import AttributeValue

_NOBODY = UUID(int=0)
"""Stands for somebody who never signed in, and so never added a document."""

_MOST_DIGITS = 18

_ACCOUNTS: Mapping[UserStatus, tuple[bool, str]] = {
    "active": (True, "may sign in"),
    "disabled": (False, "disabled: every request is refused"),
    "unknown": (True, "nobody of this name has signed in yet"),
}


@dataclass(frozen=True, slots=True)
class AskedUser:
    """Who is asked about: a user, and what their token is supposed to say."""

    name: str
    """`<issuer>|<subject>`, or an id, `user:` before it or not."""
    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    attributes: Mapping[str, AttributeValue] | None = None
    supposes: bool = False
    """Whether the three are meant as the whole of what the token says."""


class ExplainingService:
    """Explains access; changes nothing."""

    def __init__(self, session: AsyncSession, group_prefixes: Mapping[str, str]) -> None:
        self._session = session
        self._group_prefixes = group_prefixes

    async def explain(
        self, principal: Principal, document_id: UUID, asked: AskedUser
    ) -> AccessExplanationRead:
        """Explain whether a user may read a document.

        Raises DocumentNotFoundError, NotAnOwnerError, and InvalidInputError for a user or names
        that there cannot be.
        """
        is_auditor = Permission.AUDIT_READ in principal.permissions
        if not is_auditor:
            await self._require_owner(principal, document_id)
        repository = ExplanationRepository(self._session, principal.tenant_id)
        walls = await repository.find_walls(document_id)
        if walls is None:
            raise DocumentNotFoundError
        person = await _find_person(repository, asked.name)
        subject, claims = self._subject(principal, person, asked)
        explained = explain_access(subject, walls, knows_token=claims != "unknown")
        status = _status(person) if is_auditor else None
        if status is not None:
            explained = _with_account(explained, status)
        # Others learn of the user what they said themselves: accounts are the admins' to list.
        by_id = "|" not in asked.name
        return AccessExplanationRead(
            document_id=document_id,
            user_id=person.id if person.id != _NOBODY and (is_auditor or by_id) else None,
            issuer=person.issuer if is_auditor or not by_id else None,
            subject=person.subject if is_auditor or not by_id else None,
            status=status,
            claims=claims,
            may_read=explained.may_read,
            reasons=[ReasonRead.model_validate(reason) for reason in explained.reasons],
        )

    async def _require_owner(self, principal: Principal, document_id: UUID) -> None:
        """Let only through who may see the grants as well: the answer tells which there are."""
        view = await DocumentRepository(self._session).find(principal, document_id)
        if view is None:
            raise DocumentNotFoundError
        collections = CollectionRepository(self._session)
        collection = await collections.find_visible(principal, view.document.collection_id)
        if collection is None or collection.role != "owner":
            raise NotAnOwnerError

    def _subject(
        self, principal: Principal, person: Person, asked: AskedUser
    ) -> tuple[Principal, TokenSource]:
        """Make the principal that is asked about, and say how its rights are known."""
        if person.id == principal.user_id and not asked.supposes:
            return principal, "token"
        subject = Principal(
            user_id=person.id,
            tenant_id=principal.tenant_id,
            tenant=principal.tenant,
            issuer=person.issuer,
            subject=person.subject,
            roles=asked.roles,
            groups=asked.groups,
            attributes=asked.attributes or {},
            permissions=frozenset(),
            group_prefix=self._group_prefixes.get(person.issuer, "/"),
        )
        return subject, "supposed" if asked.supposes else "unknown"


async def _find_person(repository: ExplanationRepository, name: str) -> Person:
    issuer, bar, subject = name.removeprefix("user:").partition("|")
    if not bar:
        try:
            found = await repository.find_person(UUID(issuer))
        except ValueError:
            found = None
        if found is None:
            raise _fault("user", "There is no user with this id in the tenant.")
        return found
    try:
        issuer, subject = valid_issuer(issuer), valid_subject(subject)
    except ValueError as error:
        raise _fault("user", f"Nobody can be called that: {error}.") from error
    found = await repository.find_signed_in(issuer, subject)
    return Person(_NOBODY, issuer, subject, "unknown") if found is None else found


def _status(person: Person) -> UserStatus:
    match person.status:
        case "unknown":
            return "unknown"
        case "active":
            return "active"
        case _:
            return "disabled"


def _with_account(explained: Explanation, status: UserStatus) -> Explanation:
    """Put the account before the tree: nobody is asked about documents who may not come in."""
    holds, detail = _ACCOUNTS[status]
    reason = Reason("account", holds, detail)
    may_read = explained.may_read if holds else False
    return Explanation(may_read, (reason, *explained.reasons))


def suppose(
    user: str,
    roles: list[str],
    groups: list[str],
    attributes: Mapping[str, AttributeValue],
) -> AskedUser:
    """Take what a token is supposed to say. Raises InvalidInputError for names nobody can have."""
    names = _all_valid(roles, valid_role, "role")
    paths = _all_valid(groups, valid_group, "group")
    return AskedUser(user, names, paths, attributes, supposes=bool(roles or groups or attributes))


def read_pairs(pairs: list[str], declared: Mapping[str, str]) -> dict[str, AttributeValue]:
    """Read `name=value` pairs with their declared types. Raises InvalidInputError."""
    attributes: dict[str, AttributeValue] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in declared:
            raise _fault("attribute", f"{name} is not the name=value of a declared attribute.")
        if declared[name] == "str":
            attributes[name] = value
        elif value.removeprefix("-").isdecimal() and value.isascii() and len(value) <= _MOST_DIGITS:
            attributes[name] = int(value)
        else:
            raise _fault("attribute", f"{name} must be a whole number of at most 18 digits.")
    return attributes


def _all_valid(words: list[str], valid: Callable[[str], str], name: str) -> frozenset[str]:
    try:
        return frozenset(map(valid, words))
    except ValueError as error:
        raise _fault(name, f"Nobody can have that: {error}.") from error


def _fault(name: str, detail: str) -> InvalidInputError:
    return InvalidInputError(detail, errors=(FieldProblem("query", name, "invalid_input", detail),))
