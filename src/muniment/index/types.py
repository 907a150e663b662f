"""Column types of pgvector, written and read as text.

Embeddings are only ever written through the ORM's metadata; searches compare them inside the
database and never select them.
"""

from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType
from typing_extensions import override


class HalfVec(UserDefinedType[str]):
    """Half-precision vector without a fixed dimension: one column serves several spaces."""

    cache_ok: bool | None = True

    @override
    def get_col_spec(self, **_options: object) -> str:
        return "halfvec"


class SparseVec(UserDefinedType[str]):
    """Sparse vector; its positions are salted term ids."""

    cache_ok: bool | None = True

    @override
    def get_col_spec(self, **_options: object) -> str:
        return "sparsevec"


# So that reflection (`muniment migrate --check`) knows the types by their names.
ischema_names["halfvec"] = HalfVec
ischema_names["sparsevec"] = SparseVec
