"""SparseTerms in the formats that pgvector takes for a sparsevec."""

from struct import pack

from muniment.index.lexical import SparseTerms
from muniment.index.terms import MAX_TERM_ID

MAX_NON_ZERO = 16_000
"""How many entries pgvector stores in one sparsevec."""


def sparsevec_text(terms: SparseTerms) -> str:
    """Write the text format: `{id:weight,…}/dimensions`, positions counted from one."""
    entries = ",".join(
        f"{term}:{weight:.7g}" for term, weight in zip(terms.ids, terms.weights, strict=True)
    )
    return f"{{{entries}}}/{MAX_TERM_ID}"


def sparsevec_binary(terms: SparseTerms) -> bytes:
    """Write the binary format: positions counted from zero, then 32-bit weights, big-endian."""
    count = len(terms.ids)
    positions = (term - 1 for term in terms.ids)
    return pack(f">iii{count}i{count}f", MAX_TERM_ID, count, 0, *positions, *terms.weights)
