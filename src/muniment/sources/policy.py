"""Who may see and change a source: whoever may edit its collection and its document."""

from sqlalchemy import ColumnElement, and_, or_, select

from muniment.identity.principal import Principal
from muniment.library.models import Collection, Document
from muniment.library.policy import collection_predicate, edit_filter, predicate
from muniment.sources.models import Source


def source_predicate(principal: Principal) -> ColumnElement[bool]:
    """Say which sources a caller may see and change.

    An address tells of its document, so a rule that hides the document hides the source. Before
    there is a document, one with a rule is shown to whoever added it alone.
    """
    edited = select(Collection.id).where(collection_predicate(principal, "collection_editors"))
    document = select(Document.id).where(predicate(edit_filter(principal)))
    is_open = Source.rule.is_(None) | (Source.created_by == principal.user_id)
    return and_(
        Source.tenant_id == principal.tenant_id,
        Source.collection_id.in_(edited),
        or_(
            Source.document_id.in_(document),
            and_(Source.document_id.is_(None), is_open),
        ),
    )
