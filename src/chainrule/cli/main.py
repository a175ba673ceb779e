"""The command `chainrule`: check the gradients in notebooks, derive those of functions."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from importlib import util
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import chainrule
from chainrule.cli.hints import Degree
from chainrule.cli.later import derive_in_file, place_of
from chainrule.cli.notebook import read_notebook
from chainrule.cli.progress import ProgressLine
from chainrule.cli.run import run_notebook
from chainrule.cli.sources import notebooks_in
from chainrule.cli.summary import Checked, show_summary, status_of, summary_as_json
from chainrule.cli.table import as_json, show
from chainrule.cli.visible import visible
from chainrule.errors import ChainruleError, LibraryMissingError, NotebookError, ReportError

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
    """Find out which of the gradients in a notebook are right, and how those of a function come about."""


@app.command()
def check(
    files: Annotated[
        list[str],
        typer.Argument(help="Notebooks (.ipynb, MyST or Markdown .md, .py with # %% cells), or folders of them."),
    ],
    torch: Annotated[
        Library,
        typer.Option(help="What `import torch` finds: chainrule standing in, the real PyTorch, or that if installed."),
    ] = Library.CHAINRULE,
    hint: Annotated[
        int, typer.Option(help="How much to tell: 1 which claim is wrong, 2 what kind of mistake, 3 all.", min=1, max=3)
    ] = 3,
    report: Annotated[Path | None, typer.Option(help="Write the claims and derivations as one HTML file.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds that each cell may take; 0 for no limit.", min=0)] = 600,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers, so that runs repeat.", min=0)] = 0,
    as_json_: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only what is wrong.")] = False,
) -> None:
    """Run notebooks from the top and say which of their gradients are right, and what is wrong with the others.

    Whatever a notebook compares with a gradient (==, allclose, a difference, printed side by side) is a claim about
    it, and so is a variable named after a derivative, like dL_dW. Nothing has to be annotated. Several notebooks, or a
    folder, give a summary: what came of each, and which mistakes are made most. A notebook is a program: check only
    what you would run.

    The exit status is 0 if all is right, 1 if something is wrong, 2 if a notebook could not be run.
    """
    console = _console()
    degree = Degree(hint)
    try:
        library = _library(torch)
        found = notebooks_in(files)
        wanted = not (as_json_ or quiet)
        options = {
            "torch": library,
            "timeout": timeout or None,
            "seed": seed,
            "paged": None if report is None else degree,
        }
        if report is not None and len(found) > 1:
            raise ReportError(f"--report writes about one notebook, and {len(found)} were given; check them one by one")
        with ProgressLine(Console(stderr=True), len(found), wanted=wanted) as line:
            checked = [_check(file, line, options) for file in found]
        if report is not None and checked[0].report is not None:
            _write(report, checked[0].report.page)
    except ChainruleError as problem:
        _refuse(files[0], str(problem), as_json_)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        _refuse(files[0], "interrupted", as_json_)
        raise typer.Exit(130) from None
    if len(files) == 1 and found == files:
        _tell(checked[0], console, as_json_, quiet, degree)
    elif as_json_:
        typer.echo(summary_as_json(checked, degree))
    else:
        show_summary(checked, console)
    raise typer.Exit(status_of(checked))


@app.command("derive")
def derive_(
    function: Annotated[str, typer.Argument(metavar="FILE.py:FUNCTION", help="The function, and the file it is in.")],
    at: Annotated[
        list[str], typer.Option(help="A value for an argument, like 'X=np.ones((3, 2))'; once for each.")
    ] = [],  # noqa: B006 - read, never written
    by: Annotated[list[str], typer.Option(help="An argument to differentiate by; all, if none is named.")] = [],  # noqa: B006
    report: Annotated[Path | None, typer.Option(help="Write the derivation as one HTML file.")] = None,
    latex: Annotated[bool, typer.Option("--latex", help="Print the gradients as LaTeX.")] = False,
    source: Annotated[bool, typer.Option("--source", help="Print a NumPy function that computes them.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds that the file may take; 0 for no limit.", min=0)] = 600,
) -> None:
    """Derive the gradient of a function, step by step, in its own names.

    The values of its arguments are taken from --at, from a variable `example` in the file (a dict of them), or from
    its defaults. The file is a program: derive only from what you would run.
    """
    console = _console()
    try:
        derived = derive_in_file(place_of(function, at, by, paged=report is not None), timeout or None)
        if report is not None:
            _write(report, derived.page)
    except ChainruleError as problem:
        _refuse(function, str(problem), as_json_=False)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if latex or source:
        typer.echo(derived.latex if latex else derived.source)
    elif report is None:
        typer.echo(derived.text)
    else:
        console.print(f"wrote {report}", markup=False, highlight=False)


def _write(path: Path, page: str) -> None:
    """Write a page where the user wants it."""
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as problem:
        raise ReportError(f"the report could not be written to {path}: {problem.strerror or problem}") from None


def _console() -> Console:
    """Where results go, whatever it can show."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that knows no ∂ shows a question mark
    return Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, soft_wrap=False)


def _check(file: str, line: ProgressLine, options: dict[str, Any]) -> Checked:
    """Check one notebook; that it cannot be read does not stop the others."""
    try:
        notebook = read_notebook(file)
        report = run_notebook(notebook, **options, progress=lambda cell: line.cell(notebook, cell))
    except NotebookError as problem:
        return Checked(file, refusal=str(problem))
    finally:
        line.notebook()
    return Checked(file, report)


def _tell(checked: Checked, console: Console, as_json_: bool, quiet: bool, degree: Degree) -> None:
    """Say what came of one notebook."""
    if checked.report is None:
        _refuse(checked.file, checked.refusal, as_json_)
    elif as_json_:
        typer.echo(as_json(checked.report, degree))
    else:
        show(checked.report, console, quiet=quiet, degree=degree)


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


def _refuse(file: str, message: str, as_json_: bool) -> None:
    if as_json_:
        typer.echo(json.dumps({"file": file, "findings": [], "errors": [], "failure": message, "status": 2}, indent=2))
    else:
        Console(stderr=True, width=None if sys.stderr.isatty() else PLAIN_WIDTH).print(
            f"chainrule: {visible(message)}", style="red", markup=False, highlight=False, soft_wrap=True
        )


if __name__ == "__main__":
    app()
