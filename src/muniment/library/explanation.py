"""Why somebody may or may not read a document: the access rule, told part by part.

What it says never decides anything. It is held to the oracle (`ports.access.evaluate` on
`library.policy.access_filter`), which a test compares it with.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from muniment.identity.principal import Principal
from muniment.ports.access import AttributeValue, Bounds, Walls


@dataclass(frozen=True, slots=True)
class Reason:
    """One part of the rule: whether it holds, and why."""

    part: str
    holds: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a document may be read, with all parts of the rule in the order of its page."""

    may_read: bool
    reasons: tuple[Reason, ...]


def explain_access(principal: Principal, walls: Walls) -> Explanation:
    """Tell for each part of the rule whether it holds for a caller, and what follows."""
    basic = (
        Reason("tenant", walls.tenant_id == principal.tenant_id, f"acts in {principal.tenant}"),
        Reason("not deleted", not walls.deleted, "deleted" if walls.deleted else "it is there"),
    )
    free = (
        _creator(principal, walls),
        _held("owner", principal, walls.collection_owners, "does not own the collection"),
    )
    bound = (
        _held("grant", principal, walls.collection_grantees, "holds no role in the collection"),
        _any_of(principal, walls),
        *_conditions(principal, walls),
    )
    may_read = _all_hold(basic) and (any(reason.holds for reason in free) or _all_hold(bound))
    return Explanation(may_read, (*basic, *free, *bound))


def _all_hold(reasons: tuple[Reason, ...]) -> bool:
    return all(reason.holds for reason in reasons)


def _creator(principal: Principal, walls: Walls) -> Reason:
    holds = walls.creator == f"user:{principal.user_id}"
    return Reason("creator", holds, "added the document" if holds else "somebody else added it")


def _held(part: str, principal: Principal, holders: frozenset[str], otherwise: str) -> Reason:
    names = sorted(principal.names & holders)
    return Reason(part, bool(names), f"as {', '.join(names)}" if names else otherwise)


def _any_of(principal: Principal, walls: Walls) -> Reason:
    if walls.rule_principals is None:
        return Reason("any_of", True, "absent, so everybody with a grant passes")
    names = sorted(principal.names & walls.rule_principals)
    wanted = ", ".join(sorted(walls.rule_principals)) or "nobody at all"
    return Reason("any_of", bool(names), f"is {', '.join(names)}" if names else f"admits {wanted}")


def _conditions(principal: Principal, walls: Walls) -> Iterator[Reason]:
    for name, bounds in sorted((walls.conditions or {}).items()):
        demand = f"{name} must be {_demand(bounds)}"
        if name not in principal.attributes:
            yield Reason(f"condition {name}", False, f"{demand}; the user lacks it")
            continue
        value = principal.attributes[name]
        yield Reason(f"condition {name}", bounds.admits(value), f"{demand}; it is {value!r}")


def _demand(bounds: Bounds) -> str:
    parts = [
        *([] if bounds.gte is None else [f"at least {bounds.gte}"]),
        *([] if bounds.lte is None else [f"at most {bounds.lte}"]),
        *([] if bounds.members is None else [_one_of(bounds.members)]),
    ]
    return " and ".join(parts)


def _one_of(members: frozenset[AttributeValue]) -> str:
    return f"one of {', '.join(sorted(map(repr, members)))}" if members else "what nothing can be"
