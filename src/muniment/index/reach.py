"""Which documents a search may touch, as a condition on the rows of `document`."""

from collections.abc import Hashable, Iterator, Sequence
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ARRAY, ColumnElement, Uuid, and_, any_

from muniment.library.metadata_filter import FilterPart, MetadataFilter, metadata_predicate
from muniment.library.models import Document
from muniment.library.policy import predicate, shape, values
from muniment.ports.vectors import Reach
from muniment.postgres.fixed import Bind, Value, bind_value

_METADATA: TypeAdapter[FilterPart] = TypeAdapter(MetadataFilter)


def reachable(reach: Reach, bind: Bind = bind_value) -> ColumnElement[bool]:
    """Say which documents a search may touch: permitted, ready, and asked for.

    What the caller is and which collections are asked for goes through `bind`, in the order of
    `reach_values`; the text of the statement depends on `reach_shape` alone.
    """
    conditions = [predicate(reach.access, bind), Document.ready_version.is_not(None)]
    if reach.collections is not None:
        wanted: Sequence[UUID] = sorted(reach.collections)
        conditions.append(Document.collection_id == any_(bind(wanted, ARRAY(Uuid()))))
    if reach.metadata is not None:
        conditions.append(metadata_predicate(_METADATA.validate_python(reach.metadata)))
    return and_(*conditions)


def reach_shape(reach: Reach) -> Hashable | None:
    """Give what the text of the condition depends on; None where a filter may have any form."""
    return None if reach.metadata is not None else (shape(reach.access), reach.collections is None)


def reach_values(reach: Reach) -> Iterator[Value]:
    """Give the values of the condition in the order in which `reachable` binds them."""
    yield from values(reach.access)
    if reach.collections is not None:
        yield sorted(reach.collections)
