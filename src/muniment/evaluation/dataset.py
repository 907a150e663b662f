"""Reads data sets in BEIR layout (Thakur et al., 2021): corpus.jsonl, queries.jsonl, qrels.tsv."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from muniment.evaluation.errors import InvalidDatasetError

_HEADER = "query-id"
_COLUMNS = 3

RowT = TypeVar("RowT", bound=BaseModel)


class CorpusDocument(BaseModel):
    """A document to be found."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(alias="_id", min_length=1)
    title: str = ""
    text: str = ""

    @property
    def name(self) -> str:
        """Name the document after its title, so that the title is searched as one."""
        return " ".join((self.title or self.id).split())

    @property
    def uri(self) -> str:
        """Give the address that is its identity."""
        return f"beir:{self.id}"

    @property
    def content(self) -> str:
        """Give what is ingested; some abstracts are empty but for their title."""
        return self.text if self.text.strip() else self.title


class Query(BaseModel):
    """A question, with the strings that answer it where they are known."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(alias="_id", min_length=1)
    text: str = Field(min_length=1)
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """Documents, questions, and which documents answer which questions."""

    documents: Sequence[CorpusDocument]
    queries: Sequence[Query]
    relevant: Mapping[str, Mapping[str, float]]
    """Gain of each relevant document, by query."""


def load_dataset(folder: Path) -> Dataset:
    """Read a folder. Blocks. Raises InvalidDatasetError, which names file and line."""
    documents = list(_rows(folder / "corpus.jsonl", CorpusDocument))
    queries = list(_rows(folder / "queries.jsonl", Query))
    relevant: dict[str, dict[str, float]] = {}
    for query, document, gain in _qrels(folder / "qrels.tsv"):
        if gain > 0.0:
            relevant.setdefault(query, {})[document] = gain
    if not any(query.id in relevant for query in queries):
        raise InvalidDatasetError(
            f"No query of {folder} has a relevant document in qrels.tsv.",
            hint="Its columns are query-id, corpus-id and score, separated by tabs.",
        )
    return Dataset(documents, queries, relevant)


def _rows(path: Path, kind: type[RowT]) -> Iterator[RowT]:
    seen: set[object] = set()
    for number, line in _lines(path):
        try:
            row = kind.model_validate_json(line)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, fault["loc"])) or "the line"
            raise _broken(path, number, f"{where}: {fault['msg']}") from error
        key = row.model_dump(include={"id"})["id"]
        if key in seen:
            raise _broken(path, number, f"the _id {key!r} stands there twice")
        seen.add(key)
        yield row


def _qrels(path: Path) -> Iterator[tuple[str, str, float]]:
    for number, line in _lines(path):
        columns = line.split("\t")
        if number == 1 and columns[0] == _HEADER:
            continue
        if len(columns) != _COLUMNS:
            raise _broken(path, number, f"{len(columns)} columns instead of {_COLUMNS}")
        query, document, gain = columns
        yield query, document, _gain(path, number, gain)


def _gain(path: Path, number: int, text: str) -> float:
    try:
        gain = float(text)
    except ValueError:
        gain = math.nan
    if not math.isfinite(gain):
        raise _broken(path, number, f"the score {text!r} is no number")
    return gain


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Give the lines that are not blank, counted from one."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InvalidDatasetError(
            f"There is no {path.name} in {path.parent}.",
            hint="A data set is a folder with corpus.jsonl, queries.jsonl and qrels.tsv.",
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidDatasetError(f"{path} is not written in UTF-8.") from error


def _broken(path: Path, number: int, reason: str) -> InvalidDatasetError:
    return InvalidDatasetError(f"{path}, line {number}: {reason}.")
