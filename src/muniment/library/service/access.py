"""The rules of access rules: which can be given, by whom, and how they are stored."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.audit.acts import Act, Action, Details, Target
from muniment.audit.trail import record
from muniment.identity.principal import Principal
from muniment.library.access_rules import AccessRule, RuleJson, conditions_to_json
from muniment.library.errors import AccessLocksYouOutError
from muniment.library.models import Document
from muniment.library.policy import edit_filter
from muniment.library.repository.documents import DocumentRepository
from muniment.ports.access import Walls, evaluate
from muniment.ports.jobs import NewJob, word_recount


def apply_rule(document: Document, rule: AccessRule | None) -> None:
    """Write a rule into a row, as it was given and in the folded form that the walls use."""
    conditions = None if rule is None else rule.conditions()
    names = None if rule is None else rule.principals()
    document.rule = None if rule is None else stored_rule(rule)
    document.rule_principals = None if names is None else sorted(names)
    document.conditions = conditions_to_json(conditions)
    document.condition_attributes = sorted(conditions or ())


async def replace_rule(
    session: AsyncSession, principal: Principal, document: Document, rule: AccessRule | None
) -> list[NewJob]:
    """Give a document that is held for update another rule; give the jobs that have to follow.

    The words of a document count for everybody with a grant as long as it has no rule
    (index/word_counts.py). Every change of a rule passes here and is written down here, by what
    it leads to alone: whom a rule names is not for everybody who may read the audit.
    """
    before = document.rule
    apply_rule(document, rule)
    if document.rule == before:
        return []
    details = Details(collection_id=document.collection_id, is_restricted=rule is not None)
    target = Target("document", document.id)
    await record(session, Act(Action.RULE_CHANGED, principal.actor, target, details))
    if (before is None) == (rule is None):
        return []
    return [word_recount(document.tenant_id, document.id)]


def stored_rule(rule: AccessRule) -> RuleJson:
    """Give a rule as it is stored: what was absent stays absent."""
    stored: RuleJson = rule.model_dump(mode="json", by_alias=True, exclude_none=True)
    return stored


async def require_not_locked_out(
    repository: DocumentRepository,
    principal: Principal,
    document: Document,
    rule: AccessRule | None,
) -> None:
    """Refuse a rule with which its giver could not edit any more. Raises AccessLocksYouOutError."""
    roles = await repository.caller_roles(principal, document.collection_id)
    walls = Walls(
        tenant_id=document.tenant_id,
        creator=f"user:{document.created_by}",
        collection_grantees=frozenset(roles),
        collection_editors=_holders(roles, "editor", "owner"),
        collection_owners=_holders(roles, "owner"),
        rule_principals=None if rule is None else rule.principals(),
        conditions=None if rule is None else rule.conditions(),
    )
    if not evaluate(edit_filter(principal), walls):
        raise AccessLocksYouOutError


def _holders(roles: Mapping[str, str], *wanted: str) -> frozenset[str]:
    return frozenset(name for name, role in roles.items() if role in wanted)
