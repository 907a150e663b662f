from pathlib import Path

import pytest

from muniment.evaluation.dataset import load_dataset
from muniment.evaluation.errors import InvalidDatasetError

CORPUS = '{"_id": "a", "title": "T", "text": "words"}\n\n{"_id": "b", "text": ""}\n'
QUERIES = '{"_id": "q", "text": "what?", "answers": ["words"], "split": "dev"}\n'
QRELS = "q\ta\t2\nq\tb\t0\n"


def write(
    folder: Path, *, corpus: str = CORPUS, queries: str = QUERIES, qrels: str = QRELS
) -> Path:
    for name, content in (
        ("corpus.jsonl", corpus),
        ("queries.jsonl", queries),
        ("qrels.tsv", qrels),
    ):
        (folder / name).write_text(content, encoding="utf-8")
    return folder


class TestLoad:
    @pytest.mark.parametrize("header", ["", "query-id\tcorpus-id\tscore\n"])
    def test_reads_the_layout_with_or_without_a_header(self, tmp_path: Path, header: str) -> None:
        dataset = load_dataset(write(tmp_path, qrels=header + QRELS))
        assert [document.uri for document in dataset.documents] == ["beir:a", "beir:b"]
        assert dataset.queries[0].answers == ("words",)
        assert dataset.relevant == {"q": {"a": 2.0}}

    def test_an_abstract_without_text_is_its_title(self, tmp_path: Path) -> None:
        corpus = '{"_id": "a", "title": "Only a\\n title", "text": " "}\n'
        [document] = load_dataset(write(tmp_path, corpus=corpus)).documents
        assert (document.name, document.content) == ("Only a title", "Only a\n title")

    @pytest.mark.parametrize(
        ("fault", "told"),
        [
            ({"corpus": CORPUS + "{broken\n"}, "corpus.jsonl, line 4"),
            ({"corpus": '{"title": "no id"}\n'}, "corpus.jsonl, line 1: _id"),
            ({"corpus": CORPUS + '{"_id": "a"}\n'}, "line 4: the _id 'a' stands there twice"),
            ({"queries": '{"_id": "q", "text": ""}\n'}, "queries.jsonl, line 1: text"),
            ({"qrels": "q\ta\n"}, "qrels.tsv, line 1: 2 columns instead of 3"),
            ({"qrels": QRELS + "q\ta\tmuch\n"}, "line 3: the score 'much' is no number"),
            ({"qrels": "q\ta\t0\n"}, "No query of"),
        ],
    )
    def test_says_where_the_fault_is(
        self, tmp_path: Path, fault: dict[str, str], told: str
    ) -> None:
        with pytest.raises(InvalidDatasetError) as caught:
            load_dataset(write(tmp_path, **fault))
        assert told in caught.value.detail

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidDatasetError, match=r"There is no corpus\.jsonl"):
            load_dataset(tmp_path)

    def test_other_encodings_are_refused(self, tmp_path: Path) -> None:
        write(tmp_path).joinpath("corpus.jsonl").write_bytes(b'{"_id": "\xff"}\n')
        with pytest.raises(InvalidDatasetError, match="UTF-8"):
            load_dataset(tmp_path)
