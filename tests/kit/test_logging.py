import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typing_extensions import override

from muniment.kit.logging import LogSettings, bind_caller, configure_logging


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def written(settings: LogSettings, stream: io.StringIO | None = None) -> io.StringIO:
    target = stream or io.StringIO()
    configure_logging(settings, target)
    return target


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


class TestConfigureLogging:
    def test_a_machine_reads_json_with_the_caller(self) -> None:
        out = written(LogSettings(format="json"))
        structlog.contextvars.bind_contextvars(request_id="r-1")
        bind_caller(tenant="acme", user="u-1")
        structlog.get_logger("x").info("document_added", pages=3)
        entry = json.loads(out.getvalue())
        assert entry["timestamp"].endswith("Z")
        del entry["timestamp"]
        assert entry == {
            "event": "document_added",
            "level": "info",
            "pages": 3,
            "request_id": "r-1",
            "tenant": "acme",
            "user": "u-1",
        }

    def test_libraries_speak_through_the_same_chain(self) -> None:
        out = written(LogSettings(format="json"))
        structlog.contextvars.bind_contextvars(request_id="r-2")
        logging.getLogger("sqlalchemy.pool").warning("to %s", "postgresql://app:hunter2@db/x")
        entry = json.loads(out.getvalue())
        assert entry["event"] == "to postgresql://app:[redacted]@db/x"
        assert entry["logger"] == "sqlalchemy.pool"
        assert entry["request_id"] == "r-2"

    def test_the_access_log_of_the_server_is_silent(self) -> None:
        out = written(LogSettings(format="json", level="debug"))
        logging.getLogger("uvicorn.access").info("GET /?token=hunter2")
        assert out.getvalue() == ""

    def test_of_migrations_only_what_is_wrong_is_kept(self) -> None:
        out = written(LogSettings(format="json"))
        logging.getLogger("alembic.runtime.migration").info("Context impl PostgresqlImpl.")
        assert out.getvalue() == ""
        logging.getLogger("alembic.runtime.migration").warning("two heads")
        assert json.loads(out.getvalue())["event"] == "two heads"

    def test_auto_is_json_in_a_pipe_and_lines_on_a_terminal(self) -> None:
        pipe, terminal = io.StringIO(), Terminal()
        for stream in (pipe, terminal):
            written(LogSettings(), stream)
            structlog.get_logger("x").info("hello")
        assert json.loads(pipe.getvalue())["event"] == "hello"
        assert not terminal.getvalue().startswith("{")
        assert "hello" in terminal.getvalue()

    @pytest.mark.parametrize("format_", ["json", "console"])
    def test_tracebacks_are_redacted(self, format_: str) -> None:
        out = written(LogSettings.model_validate({"format": format_}))
        error = ValueError("cannot reach postgresql://app:hunter2@db/x")
        structlog.get_logger("x").error("broke", exc_info=error)
        assert "ValueError" in out.getvalue()
        assert "hunter2" not in out.getvalue()

    @pytest.mark.parametrize("format_", ["json", "console"])
    def test_an_exception_of_a_library_is_laid_out_after_its_block(self, format_: str) -> None:
        out = written(LogSettings.model_validate({"format": format_}))
        error = ValueError("boom")
        logging.getLogger("asyncio").error("Task was lost", exc_info=error)
        assert "ValueError: boom" in out.getvalue()

    def test_an_object_in_an_entry_is_written_without_its_secrets(self) -> None:
        out = written(LogSettings(format="json"))
        error = ValueError("cannot reach postgresql://app:hunter2@db/x")
        structlog.get_logger("x").warning("retry", error=error, folder=Path("/data"), when=None)
        entry = json.loads(out.getvalue())
        assert entry["error"] == "cannot reach postgresql://app:[redacted]@db/x"
        assert entry["folder"] == "/data"
        assert entry["when"] is None

    def test_a_warning_of_python_comes_as_an_entry(self) -> None:
        out = written(LogSettings(format="json"))
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn("soon gone", DeprecationWarning, stacklevel=1)
        assert "soon gone" in json.loads(out.getvalue())["event"]
        assert json.loads(out.getvalue())["logger"] == "py.warnings"

    def test_one_entry_is_one_line_whatever_it_holds(self) -> None:
        forged = 'a\nb\r{"event":"forged"}'
        out = written(LogSettings(format="json"))
        structlog.get_logger("x").info(forged, name=forged)
        logging.getLogger("library").warning("got %s", forged)
        assert len(out.getvalue().splitlines()) == 2
        lines = written(LogSettings(format="console"))
        structlog.get_logger("x").info("upload", name=forged)
        assert len(lines.getvalue().splitlines()) == 1

    def test_keys_that_are_no_text_are_written(self) -> None:
        out = written(LogSettings(format="json"))
        structlog.get_logger("x").info("counts", by_size={1: 2})
        assert json.loads(out.getvalue())["by_size"] == {"1": 2}

    def test_less_serious_entries_are_left_out(self) -> None:
        out = written(LogSettings(format="json", level="warning"))
        structlog.get_logger("x").info("quiet")
        logging.getLogger("library").info("quiet")
        assert out.getvalue() == ""
