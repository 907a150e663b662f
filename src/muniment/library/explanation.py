"""Why somebody may or may not read a document: the tree that decides, told leaf by leaf.

What is told is read off `library.policy.access_filter` itself, and each leaf is decided by
`ports.access.evaluate`. So the verdict cannot differ from what searches show, but in one way: what
Muniment does not keep of a user (groups, roles, attributes: a token says them) is unknown unless
the asker supposes it, and then a verdict that hangs on it is unknown as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from muniment.identity.principal import Principal
from muniment.library.policy import access_filter
from muniment.ports.access import (
    AccessFilter,
    AllOf,
    AnyOf,
    AttributeValue,
    Bounds,
    CreatedBy,
    FulfilsConditions,
    InTenant,
    NotDeleted,
    Overlaps,
    Unruled,
    Walls,
    evaluate,
)

Verdict: TypeAlias = bool | None
"""None: it depends on what only a token of the user says."""

_FROM_TOKENS = ("group:", "role:")
"""Principals of which Muniment cannot know by itself whether they mean a user."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One part of the rule: whether it holds, and why."""

    part: str
    holds: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a document may be read, with all parts of the rule in the order of its page."""

    may_read: Verdict
    reasons: tuple[Reason, ...]


def explain_access(principal: Principal, walls: Walls, *, knows_token: bool = True) -> Explanation:
    """Tell for each part of the rule whether it holds for a caller, and what follows.

    Without `knows_token` the principal's groups, roles and attributes are not all that the user
    may come with.
    """
    teller = _Teller(principal, walls, knows_token=knows_token)
    tree = access_filter(principal)
    return Explanation(teller.verdict(tree), tuple(teller.reasons(tree)))


class _Teller:
    """Walks through the tree of one caller, before the walls of one document."""

    def __init__(self, principal: Principal, walls: Walls, *, knows_token: bool) -> None:
        self._principal = principal
        self._walls = walls
        self._knows_token = knows_token

    def verdict(self, node: AccessFilter) -> Verdict:
        """Decide a part of the tree; unknown only if both answers are possible."""
        match node:
            case AllOf(parts):
                found = [self.verdict(part) for part in parts]
                return False if False in found else None if None in found else True
            case AnyOf(parts):
                found = [self.verdict(part) for part in parts]
                return True if True in found else None if None in found else False
            case _:
                holds = evaluate(node, self._walls)
                return holds if holds or self._knows_token or not self._may_change(node) else None

    def reasons(self, node: AccessFilter) -> Iterator[Reason]:
        """Tell the leaves of the tree, in its order."""
        match node:
            case AllOf(parts) | AnyOf(parts):
                for part in parts:
                    yield from self.reasons(part)
            case Overlaps():
                yield from self._held(node)
            case FulfilsConditions():
                yield from self._conditions()
            case _:
                yield from self._plain(node)

    def _plain(self, leaf: InTenant | NotDeleted | CreatedBy | Unruled) -> Iterator[Reason]:
        holds = self.verdict(leaf)
        match leaf:
            case InTenant():
                yield Reason("tenant", holds, f"acts in {self._principal.tenant}")
            case NotDeleted():
                yield Reason("not deleted", holds, "it is there" if holds else "deleted")
            case CreatedBy():
                detail = "added the document" if holds else "somebody else added it"
                yield Reason("creator", holds, detail)
            case Unruled():
                if holds:
                    yield Reason("any_of", holds, "absent, so everybody with a grant passes")
            case _:
                assert_never(leaf)

    def _may_change(self, leaf: AccessFilter) -> bool:
        """Tell whether a leaf that fails could hold for a token with more in it."""
        match leaf:
            case Overlaps("rule_principals"):
                return self._has_token_names(self._walls.rule_principals or frozenset())
            case Overlaps("collection_owners"):
                return self._has_token_names(self._walls.collection_owners)
            case Overlaps():
                return self._has_token_names(self._walls.collection_grantees)
            case FulfilsConditions():
                return all(map(_can_be_fulfilled, (self._walls.conditions or {}).values()))
            case _:
                return False

    def _has_token_names(self, names: frozenset[str]) -> bool:
        return any(name.startswith(_FROM_TOKENS) for name in names)

    def _held(self, leaf: Overlaps) -> Iterator[Reason]:
        holds = self.verdict(leaf)
        if leaf.field == "rule_principals":
            yield from self._any_of(holds)
            return
        owners = leaf.field == "collection_owners"
        holders = self._walls.collection_owners if owners else self._walls.collection_grantees
        part = "owner" if owners else "grant"
        names = sorted(leaf.principals & holders)
        for name in names:
            yield Reason(part, True, f"as {name}, which is {self._role_of(name)}")
        if not names:
            otherwise = (
                "does not own the collection" if owners else "holds no role in the collection"
            )
            yield Reason(
                part, holds, _or_unknown(holds, otherwise, "it has grants to groups or roles")
            )

    def _role_of(self, name: str) -> str:
        if name in self._walls.collection_owners:
            return "owner"
        return "editor" if name in self._walls.collection_editors else "reader"

    def _any_of(self, holds: Verdict) -> Iterator[Reason]:
        wanted = self._walls.rule_principals
        if wanted is None:
            return
        names = sorted(self._principal.names & wanted)
        if names:
            yield Reason("any_of", holds, f"is {', '.join(names)}")
        else:
            admitted = f"admits {', '.join(sorted(wanted)) or 'nobody at all'}"
            yield Reason("any_of", holds, _or_unknown(holds, admitted, admitted))

    def _conditions(self) -> Iterator[Reason]:
        for name, bounds in sorted((self._walls.conditions or {}).items()):
            demand, part = f"{name} must be {_demand(bounds)}", f"condition {name}"
            value = self._principal.attributes.get(name)
            if value is not None:
                yield Reason(part, bounds.admits(value), f"{demand}; it is {value!r}")
            elif self._knows_token:
                yield Reason(part, False, f"{demand}; the user lacks it")
            else:
                holds = None if _can_be_fulfilled(bounds) else False
                yield Reason(part, holds, _or_unknown(holds, demand, demand))


def _or_unknown(holds: Verdict, otherwise: str, why: str) -> str:
    return otherwise if holds is not None else f"{why}; only a token of the user says"


def _can_be_fulfilled(bounds: Bounds) -> bool:
    return bounds.members is None or bool(bounds.members)


def _demand(bounds: Bounds) -> str:
    parts = [
        *([] if bounds.gte is None else [f"at least {bounds.gte}"]),
        *([] if bounds.lte is None else [f"at most {bounds.lte}"]),
        *([] if bounds.members is None else [_one_of(bounds.members)]),
    ]
    return " and ".join(parts)


def _one_of(members: frozenset[AttributeValue]) -> str:
    return f"one of {', '.join(sorted(map(repr, members)))}" if members else "what nothing can be"
