"""The command `chainrule`: check the gradients in a notebook."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from importlib import util
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

import chainrule
from chainrule.cli.notebook import Cell, Notebook, read_notebook
from chainrule.cli.run import Report, run_notebook
from chainrule.cli.table import as_json, show
from chainrule.errors import ChainruleError, LibraryMissingError

__all__ = ["app"]

app = typer.Typer(
    name="chainrule",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
PLAIN_WIDTH = 120  # where there is no terminal to tell its width


class Library(StrEnum):
    """What `import torch` finds in the notebook."""

    CHAINRULE = "chainrule"
    TORCH = "torch"
    AUTO = "auto"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"chainrule {chainrule.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Find out which of the gradients in a notebook are right."""


@app.command()
def check(
    file: Annotated[str, typer.Argument(help="The notebook: .ipynb, MyST or Markdown .md, or .py with # %% cells.")],
    torch: Annotated[
        Library,
        typer.Option(help="What `import torch` finds: chainrule standing in, the real PyTorch, or that if installed."),
    ] = Library.CHAINRULE,
    timeout: Annotated[float, typer.Option(help="Seconds that each cell may take; 0 for no limit.", min=0)] = 600,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers, so that runs repeat.", min=0)] = 0,
    as_json_: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only what is wrong.")] = False,
) -> None:
    """Run a notebook from the top and say which of its gradients are right.

    Whatever the notebook compares with a gradient (==, allclose, a difference, printed side by side) is a claim about
    it, and so is a variable named after a derivative, like dL_dW. Nothing has to be annotated. A notebook is a
    program: check only what you would run.

    The exit status is 0 if all is right, 1 if something is wrong, 2 if the notebook could not be run.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that knows no ∂ shows a question mark
    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, soft_wrap=False)
    try:
        notebook = read_notebook(file)
        report = _run(notebook, _library(torch), timeout or None, seed, show_progress=not (as_json_ or quiet))
    except ChainruleError as problem:
        _refuse(file, str(problem), as_json_)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        _refuse(file, "interrupted", as_json_)
        raise typer.Exit(130) from None
    if as_json_:
        typer.echo(as_json(report))
    else:
        show(report, console, quiet=quiet)
    raise typer.Exit(report.status)


def _library(torch: Library) -> str:
    installed = _has_torch()
    if torch is Library.TORCH and not installed:
        told = "--torch=torch asks for PyTorch, which is not installed here; pip install torch, or leave the option out"
        raise LibraryMissingError(f"{told}: chainrule then stands in for it")
    return "torch" if torch is Library.TORCH or (torch is Library.AUTO and installed) else "chainrule"


def _has_torch() -> bool:
    try:
        return util.find_spec("torch") is not None
    except (ImportError, ValueError):
        return False


def _run(notebook: Notebook, torch: str, timeout: float | None, seed: int, *, show_progress: bool) -> Report:
    """Run with a line of progress, if somebody is there to read it."""
    screen = Console(stderr=True)
    line = screen.status("")

    def progress(cell: Cell) -> None:
        if show_progress and screen.is_terminal:
            line.update(f"{escape(notebook.path.name)}: cell {cell.number} of {len(notebook.cells)}")
            line.start()  # not before the notebook's process has begun: a process with threads should not be copied

    try:
        return run_notebook(notebook, torch=torch, timeout=timeout, seed=seed, progress=progress)
    finally:
        line.stop()


def _refuse(file: str, message: str, as_json_: bool) -> None:
    if as_json_:
        typer.echo(json.dumps({"file": file, "findings": [], "errors": [], "failure": message, "status": 2}, indent=2))
    else:
        Console(stderr=True, width=None if sys.stderr.isatty() else PLAIN_WIDTH).print(
            f"chainrule: {message}", style="red", markup=False, highlight=False, soft_wrap=True
        )


if __name__ == "__main__":
    app()
