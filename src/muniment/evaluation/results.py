"""What was measured for each question, kept in a file, so that two runs can be compared."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from pydantic import TypeAdapter, ValidationError

from muniment.evaluation.errors import InvalidResultsError
from muniment.evaluation.models import Scores

Results: TypeAlias = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By arm, figure and question."""

_FORM: TypeAdapter[dict[str, dict[str, dict[str, float]]]] = TypeAdapter(
    dict[str, dict[str, dict[str, float]]]
)


def write_results(path: Path, scores: Sequence[Scores]) -> None:
    """Write what every arm has reached. Blocks."""
    found: dict[str, dict[str, dict[str, float]]] = {
        each.arm: {name: dict(values) for name, values in each.figures.items()} for each in scores
    }
    path.write_bytes(_FORM.dump_json(found))


def read_results(path: Path) -> Results:
    """Read what an earlier run has written. Blocks. Raises InvalidResultsError."""
    try:
        return _FORM.validate_json(path.read_bytes())
    except ValidationError as error:
        raise InvalidResultsError(
            f"{path} does not hold what an evaluation has measured.",
            hint="Such a file is written by `muniment eval FOLDER --per-query FILE`.",
        ) from error
