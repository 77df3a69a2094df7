"""The `deptr` command: one module per subcommand, imported only when it is asked for."""

from __future__ import annotations

import importlib
import sys
import traceback
from importlib.util import find_spec
from typing import Any

import typer
from typer.core import TyperGroup

from deptr import __version__
from deptr.errors import DeptrError

# word -> (module of deptr.cli, one line for `deptr --help`); the module has `app: typer.Typer`
COMMANDS: dict[str, tuple[str, str]] = {
    "track": ("track", "Follow objects through a video, images, a stream or a detections file."),
    "serve": ("serve", "Serve tracking over HTTP and WebSocket."),
    "detect": ("detect", "Find objects and their depth in images or video."),
    "refine": ("refine", "Fill gaps and merge tracklets of a finished result, offline."),
    "summary": ("summary", "Tell of each identity when it was seen, how far away, how far it went."),
    "report": ("report", "Write a page that shows tracks: video, time line, depth, view from above."),
    "eval": ("eval", "Score tracks with the official metrics (HOTA, CLEAR, IDF1)."),
    "validate": ("validate", "Explain what is wrong with a result file before it scores zero."),
    "benchmark": ("benchmark", "Compare trackers, fusions and frame rates on the same detections."),
    "experiment": ("experiment", "The paper's experiments, one command each."),
    "tune": ("tune", "Search a tracker's parameters on cached detections."),
    "synth": ("synth", "Render synthetic worlds with exact boxes, identities and depth."),
    "label": ("label", "Make depth labels from video and boxes with two foundation models."),
    "labels": ("labels", "Look into a store of depth labels."),
    "convert": ("convert", "Turn tracks into another format, or a data set into COCO json for training."),
    "train": ("train", "Train the DepTR detector."),
    "reproduce": ("reproduce", "The paper's main table from a data set and public weights."),
    "export": ("export", "Write a trained detector as ONNX."),
    "doctor": ("doctor", "Show versions, device, extras and the licences of weights."),
}


class LazyGroup(TyperGroup):
    """Imports a subcommand's module when the subcommand is run, so that `deptr` starts fast."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Words in the order of a user's work."""
        return [word for word, (name, _) in COMMANDS.items() if find_spec(f"deptr.cli.{name}")]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The click command behind a word, None when there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module, summary = COMMANDS[cmd_name]
        command = typer.main.get_command(importlib.import_module(f"deptr.cli.{module}").app)
        command.name = cmd_name
        command.short_help = summary
        return command


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"deptr {__version__}")
        raise typer.Exit


@app.callback()
def root(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", callback=_tell_version, is_eager=True
    ),
) -> None:
    """Multi-object tracking that knows how far away things are."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; errors of the package become one line and an exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in words
    words = ["--debug"] * debug + [word for word in words if word != "--debug"]
    try:
        app(args=words, prog_name="deptr")
    except DeptrError as error:
        if debug:
            traceback.print_exc()
        typer.echo(f"deptr: error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("deptr: interrupted", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
