"""Which documents a search may touch, as a condition on the rows of `document`."""

from pydantic import TypeAdapter
from sqlalchemy import ARRAY, ColumnElement, Uuid, and_, any_, literal

from muniment.library.metadata_filter import FilterPart, MetadataFilter, metadata_predicate
from muniment.library.models import Document
from muniment.library.policy import predicate
from muniment.ports.vectors import Reach

_METADATA: TypeAdapter[FilterPart] = TypeAdapter(MetadataFilter)


def reachable(reach: Reach) -> ColumnElement[bool]:
    """Say which documents a search may touch: permitted, ready, and asked for."""
    conditions = [predicate(reach.access), Document.ready_version.is_not(None)]
    if reach.collections is not None:
        wanted = literal(sorted(reach.collections), ARRAY(Uuid()))
        conditions.append(Document.collection_id == any_(wanted))
    if reach.metadata is not None:
        conditions.append(metadata_predicate(_METADATA.validate_python(reach.metadata)))
    return and_(*conditions)
