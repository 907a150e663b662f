"""SparseTerms in the format that pgvector takes for a sparsevec."""

from muniment.index.lexical import SparseTerms
from muniment.index.terms import MAX_TERM_ID


def sparsevec_text(terms: SparseTerms) -> str:
    """Write the text format: `{id:weight,…}/dimensions`, positions counted from one."""
    entries = ",".join(
        f"{term}:{weight:.7g}" for term, weight in zip(terms.ids, terms.weights, strict=True)
    )
    return f"{{{entries}}}/{MAX_TERM_ID}"
