"""What all commands share: where the product lives, who acts, and how failures are told.

A command is an async function whose first parameter is a `Place`; `as_command` gives it the
options that every command takes and runs it. Results go to stdout, everything else to stderr.
"""

import asyncio
import functools
import inspect
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import structlog
import typer
from pydantic import BaseModel, JsonValue, ValidationError
from rich.text import Text

from muniment.app.event_loop import new_event_loop, on_signals
from muniment.app.settings import Settings, read_settings
from muniment.cli.terminal import console_of_messages, encodable, line, print_json
from muniment.kit.errors import ConfigurationError, MunimentError
from muniment.kit.logging import configure_logging
from muniment.kit.operational import find_operational_rule
from muniment.kit.problem_document import make_problem
from muniment.kit.validation_faults import plain_message

DEFAULT_USER = "owner"
_WRONG_USAGE = frozenset({400, 422})
"""Status of errors that say: what was typed cannot be right. Their exit code is 2."""

RequestT = TypeVar("RequestT", bound=BaseModel)

_log = structlog.get_logger(__name__)

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of everything that is kept.")
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings file, instead of the one in the folder.")
]
ActingUser = Annotated[
    str, typer.Option("--as", help="The local user in whose name the command acts.")
]


class UsageError(MunimentError):
    """The command was called in a way that cannot be right; exit code 2."""

    code = "usage"
    status = 400
    title = "The command cannot be understood"


class CommandBrokeError(MunimentError):
    """The command met something that nobody foresaw; the log has the details at level debug."""

    code = "command_broke"
    title = "The command broke"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the product lives and in whose name a command acts."""

    data_dir: Path | None
    config: Path | None
    acting: str

    def options(self) -> list[str]:
        """Give the options with which another command finds the same place."""
        options: list[str] = []
        if self.data_dir is not None:
            options += ["--data-dir", str(self.data_dir)]
        if self.config is not None:
            options += ["--config", str(self.config)]
        return options

    def settings(
        self, overrides: Mapping[str, JsonValue] | None = None, *, log_level: str | None = None
    ) -> Settings:
        """Read the settings and set the log up.

        A command that ends after one answer logs warnings only, unless the settings say otherwise.
        """
        chosen = dict(overrides or {})
        if self.data_dir is not None:
            chosen["data_dir"] = str(self.data_dir.expanduser().absolute())
        # The one place where the process looks at its environment.
        environ = dict(os.environ)  # noqa: TID251 - handed to the settings, which read it
        settings = read_settings(environ, config_file=self.config, overrides=chosen)
        log = settings.log
        if log_level is not None and "level" not in log.model_fields_set:
            log = log.model_copy(update={"level": log_level})
        configure_logging(log)
        return settings


def as_command(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a typer command of an async function that takes a `Place` first."""

    def run(*, data_dir: Path | None, config: Path | None, acting: str, **options: object) -> None:
        place = Place(data_dir, config, acting)
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(_until_told_to_stop(function(place, **options)))
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise typer.Exit(128 + signal.SIGINT) from None
        except (typer.Exit, BrokenPipeError):
            # A pipe that broke is one that nobody reads any more; typer ends without a word.
            raise
        except Exception as error:  # noqa: BLE001 # boundary: a person gets a sentence, not a trace
            told = told_error(error)
            report(told, as_json=options.get("as_json") is True)
            raise typer.Exit(2 if told.status in _WRONG_USAGE else 1) from None

    functools.update_wrapper(run, function)
    signature = inspect.signature(function)
    _place, *own = signature.parameters.values()
    # typer reads its options from the signature; this one has those of all commands as well.
    run.__dict__["__signature__"] = signature.replace(parameters=[*own, *_shared_options()])
    return run


def request_of(kind: type[RequestT], what: str, **fields: object) -> RequestT:
    """Make the request that the API would get. Raises UsageError for a word that it refuses."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        reason = plain_message(error.errors(include_url=False)[0]["msg"])
        raise UsageError(f"{what} cannot be accepted: {reason}.") from error


def program() -> list[str]:
    """Give the words that call this program again from the same place."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return [sys.executable, "-m", "muniment"]
    return [sys.argv[0]]


def report(error: MunimentError, *, as_json: bool) -> None:
    """Tell what went wrong and what to do: one sentence and a hint, or the problem document."""
    if as_json:
        problem = make_problem(error)
        words = {"detail": encodable(error.detail), "hint": error.hint and encodable(error.hint)}
        print_json(problem.model_copy(update=words), without="none")
        return
    console = console_of_messages()
    mark = Text("✗ ", style="bold red")
    console.print(mark.append_text(line(error.detail, "default")), soft_wrap=True)
    for fault in error.errors:
        console.print(
            Text("  ").append_text(line(f"{fault.where}: {fault.detail}")), soft_wrap=True
        )
    if error.hint:
        console.print(Text("  ").append_text(line(error.hint, "dim")), soft_wrap=True)


def told_error(error: Exception) -> MunimentError:
    """Find what to tell about an error: itself, what it stands for, or that it is unexpected."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, MunimentError):
        return error
    rule = find_operational_rule(error)
    if rule is not None:
        passing = rule.as_error()
        passing.hint = passing.hint or "`muniment doctor` says what is wrong and what helps."
        return passing
    if isinstance(error, OSError) and error.filename is not None:
        return ConfigurationError(
            f"{error.filename}: {error.strerror}.",
            hint="Look whether it is there and whose it is, or choose another --data-dir.",
        )
    _log.debug("command_broke", exc_info=error)
    return CommandBrokeError(
        f"Something unexpected broke ({type(error).__name__}).",
        hint="Run it again with MUNIMENT_LOG__LEVEL=debug, and report what it prints.",
    )


async def _until_told_to_stop(work: Awaitable[None]) -> None:
    """Do the work; at SIGTERM and the end of the terminal break it off, cleaning up on the way."""
    task = asyncio.current_task()
    was_told = False

    def react() -> None:
        nonlocal was_told
        was_told = True
        if task is not None:
            task.cancel()

    with on_signals((signal.SIGTERM, signal.SIGHUP), react):
        try:
            await work
        except asyncio.CancelledError:
            if was_told:
                raise typer.Exit(128 + signal.SIGTERM) from None
            raise


def _shared_options() -> list[inspect.Parameter]:
    keyword = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter("data_dir", keyword, default=None, annotation=DataDir),
        inspect.Parameter("config", keyword, default=None, annotation=ConfigFile),
        inspect.Parameter("acting", keyword, default=DEFAULT_USER, annotation=ActingUser),
    ]
