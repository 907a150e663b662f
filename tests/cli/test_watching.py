"""What is drawn while documents are read."""

import io
from uuid import UUID

import pytest
from rich.console import Console

from muniment.cli.watching import Sight, doing, drawing, duration, open_display, sentence
from muniment.library.models import Document
from muniment.library.schemas.documents import CollectionProgressRead

HALF = Document(
    name="handbook\x1b[2J.pdf",
    status="processing",
    stage="embedding",
    chunks_done=128,
    chunks_total=640,
    chunks_per_s=45.2,
)
BEGUN = Document(name="leave.md", status="processing", stage="parsing")
WHOLE = CollectionProgressRead(
    id=UUID(int=1), waiting=60, processing=2, failed=1, per_second=3.2, remaining_s=20
)
SIGHT = Sight(37, 102, WHOLE, [HALF, BEGUN])


class TestSentence:
    def test_says_how_far_and_how_fast(self) -> None:
        assert sentence(SIGHT) == (
            "37 of 102 documents, 3.2/s, 0:20 left; reading handbook\x1b[2J.pdf"
            " (embedding 128/640 chunks, 45/s, 0:12 left), leave.md (parsing)"
        )

    def test_promises_nothing_before_there_is_a_pace(self) -> None:
        nothing = WHOLE.model_copy(update={"per_second": None, "remaining_s": None})
        assert sentence(Sight(0, 102, nothing)) == "0 of 102 documents"

    def test_says_what_the_last_one_needs_where_none_has_ended_lately(self) -> None:
        last = WHOLE.model_copy(update={"waiting": 0, "per_second": None, "remaining_s": 300})
        assert sentence(Sight(101, 102, last)) == "101 of 102 documents, 5:00 left"

    def test_says_no_time_where_nothing_waits(self) -> None:
        done = WHOLE.model_copy(update={"waiting": 0, "processing": 0, "remaining_s": 0})
        assert sentence(Sight(102, 102, done)) == "102 of 102 documents, 3.2/s"


class TestDrawing:
    def test_shows_the_whole_and_each_document_and_obeys_no_name(self) -> None:
        out = io.StringIO()
        Console(file=out, width=100, force_terminal=True, no_color=True).print(drawing(SIGHT))
        whole, first, second = out.getvalue().splitlines()
        assert "37/102" in whole
        assert "3.2/s, 0:20 left" in whole
        assert "handbook�[2J.pdf" in first
        assert "128/640 chunks" in first
        assert "leave.md" in second


class TestDisplay:
    def test_is_silent_in_a_log_for_a_while(self, capsys: pytest.CaptureFixture[str]) -> None:
        with open_display() as display:
            display.show(SIGHT)
        captured = capsys.readouterr()
        assert captured.out + captured.err == ""

    def test_tells_a_log_a_line_in_the_end(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("muniment.cli.watching._LINE_EVERY_S", 0.0)
        with open_display() as display:
            display.show(SIGHT)
        [told] = capsys.readouterr().err.splitlines()
        assert told.startswith("37 of 102 documents, 3.2/s, 0:20 left; reading handbook�[2J")


@pytest.mark.parametrize(
    ("seconds", "written"), [(0, "0:00"), (42, "0:42"), (725, "12:05"), (10800, "3:00:00")]
)
def test_times_are_written_as_a_clock_does(seconds: int, written: str) -> None:
    assert duration(seconds) == written


def test_a_document_without_figures_is_told_by_its_stage() -> None:
    assert doing(BEGUN) == "parsing"
    assert doing(Document(name="x", status="queued")) == "waiting"
