"""What the program says: results on stdout, progress and errors on stderr, in words or in JSON."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from importer.model.errors import ImporterError, unforeseen

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


PAPER = 120  # characters a line where there is no terminal


@dataclass(frozen=True, slots=True)
class Out:
    """How a command speaks."""

    json: bool
    quiet: bool
    log_format: str
    command: str

    def __post_init__(self) -> None:
        if self.log_format not in ("text", "json"):
            raise typer.BadParameter(f"{self.log_format} is neither text nor json", param_hint="--log-format")

    def result(self, values: Mapping[str, Any], *shown: "RenderableType") -> None:
        """The result: ``values`` as one line of JSON, or ``shown`` for people."""
        if self.json:
            sys.stdout.write(json.dumps(values, ensure_ascii=False, default=str) + "\n")
        else:
            for part in shown:
                self.console().print(part)
        sys.stdout.flush()

    def console(self, *, stderr: bool = False) -> "Console":
        from rich.console import Console

        terminal = (sys.stderr if stderr else sys.stdout).isatty()
        return Console(stderr=stderr, highlight=False, width=None if terminal else PAPER)

    def notice(self, event: str, **facts: Any) -> None:
        """A line on stderr for whoever watches; never with a name, an address or a number in it."""
        if not self.quiet:
            with suppress(OSError):  # nobody reads it any more: no reason to stop the work
                _logger(self.log_format).info(event, **facts)

    def trouble(self, event: str, **facts: Any) -> None:
        """As `notice`, of something that failed: said to those who asked for quiet too."""
        with suppress(OSError):
            _logger(self.log_format).warning(event, **facts)

    def wrote(self, file: Path, notes: Iterable[str]) -> None:
        """Say that a report was written, and what its reader should know of it."""
        words = "; ".join(notes)
        self.notice("report written", file=str(file), **({"note": words} if words else {}))

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Errors inside become one clear line, a hint and an exit code."""
        try:
            yield
        except ImporterError as error:
            self._fail(error)
        except BrokenPipeError:
            _close_stdout()
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:  # noqa: BLE001  the last resort: no traceback, for it may hold values
            self._fail(unforeseen(error))

    def _fail(self, error: ImporterError) -> None:
        if self.json:
            told = {"code": error.code, "message": error.message, "hint": error.hint}
            values = {"schema": 1, "command": self.command, "error": told, "exit_code": error.exit_code}
            sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")
        sys.stderr.write(f"importer: {error.message}\n")
        if error.hint:
            sys.stderr.write(f"  {error.hint}\n")
        raise typer.Exit(error.exit_code)


@cache
def _logger(form: str) -> Any:
    import structlog

    in_words = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso" if form == "json" else "%H:%M:%S", utc=form == "json"),
            structlog.processors.JSONRenderer(ensure_ascii=False) if form == "json" else in_words,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    return structlog.get_logger()


def _close_stdout() -> None:
    """Point stdout nowhere, so that closing it at exit does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
