import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter

from examples.build import DOCUMENTS, HANDBOOK, build
from muniment.kit.plugins import PluginGroup, list_plugins, load_plugin
from muniment.ports.media_types import HEAD_BYTES, media_type_for
from muniment.ports.parsing import PARSER_GROUP, ParsedDocument, Parser
from tests.docs.pages import ROOT


class Question(BaseModel):
    """A question of the demo, with what the right answer holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ask: str
    document: str | None = None
    contains: str | None = None
    page: int | None = None


def questions() -> list[Question]:
    text = (ROOT / "examples" / "questions.toml").read_text(encoding="utf-8")
    return TypeAdapter(list[Question]).validate_python(tomllib.loads(text)["question"])


def parse(path: Path) -> ParsedDocument:
    group = PluginGroup[Parser](PARSER_GROUP, "parsing")
    media_type = media_type_for(path.name, None, path.read_bytes()[:HEAD_BYTES])
    for name in list_plugins(group):
        parser = load_plugin(group, name, {})
        if media_type in parser.media_types:
            return parser.parse(path, media_type)
    raise AssertionError(media_type)


def find(name: str) -> Path:
    return next(folder / name for folder in (HANDBOOK, ROOT) if (folder / name).exists())


def words(text: str) -> str:
    return " ".join(text.split())


class TestBuild:
    @pytest.mark.parametrize("name", sorted(DOCUMENTS))
    def test_the_committed_file_says_what_its_source_says(self, name: str, tmp_path: Path) -> None:
        build(tmp_path)
        assert parse(HANDBOOK / name) == parse(tmp_path / name)

    def test_the_same_sources_give_the_same_bytes(self, tmp_path: Path) -> None:
        for folder in ("one", "two"):
            (tmp_path / folder).mkdir()
            build(tmp_path / folder)
        for name in DOCUMENTS:
            one, two = (
                (tmp_path / "one" / name).read_bytes(),
                (tmp_path / "two" / name).read_bytes(),
            )
            assert one == two, name


class TestHandbook:
    def test_every_format_is_there(self) -> None:
        endings = {path.suffix for path in HANDBOOK.iterdir()}
        assert endings == {".md", ".html", ".pdf", ".docx", ".txt"}

    @pytest.mark.parametrize("path", sorted(HANDBOOK.iterdir()), ids=lambda path: path.name)
    def test_every_document_can_be_read(self, path: Path) -> None:
        assert len(parse(path).text) > 1000


class TestQuestions:
    @pytest.mark.parametrize("question", questions(), ids=lambda question: question.ask)
    def test_the_document_holds_the_answer(self, question: Question) -> None:
        if question.document is None:
            assert question.contains is None
            return
        assert question.contains is not None
        parsed = parse(find(question.document))
        text = parsed.text
        if question.page is not None:
            ends = [*parsed.page_starts[1:], len(text)]
            text = text[parsed.page_starts[question.page - 1] : ends[question.page - 1]]
        assert question.contains in words(text)

    def test_one_question_has_no_answer(self) -> None:
        assert sum(question.document is None for question in questions()) == 1
