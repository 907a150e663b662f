"""What an evaluation has measured."""

from dataclasses import dataclass

from muniment.ports.vectors import Mode


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over the questions that have a relevant document."""

    mode: Mode
    queries: int
    ndcg_10: float
    recall_10: float
    recall_100: float
    mrr_10: float
    answer_3: float | None
    """Over the questions that carry answers; None where none does."""
    documents: int
    failed: int
    """Documents that could not be ingested, and so not be found."""

    def as_json(self) -> dict[str, float | int | str]:
        """Give the figures under the names that programs rely on."""
        figures: dict[str, float | int | str] = {
            "ndcg@10": round(self.ndcg_10, 4),
            "recall@10": round(self.recall_10, 4),
            "recall@100": round(self.recall_100, 4),
            "mrr@10": round(self.mrr_10, 4),
            "queries": self.queries,
            "mode": self.mode,
            "documents": self.documents,
            "failed": self.failed,
        }
        if self.answer_3 is not None:
            figures["answer@3"] = round(self.answer_3, 4)
        return figures
