"""`deptr experiment`: the paper's experiments, one command each, imported when asked for."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

import typer
from typer.core import TyperGroup

# word -> (module of deptr.cli, one line for `deptr experiment --help`); the module's `app: typer.Typer` holds
# one command, or several of which one has this word as its name
EXPERIMENTS: dict[str, tuple[str, str]] = {
    "gamma-sweep": ("experiment_association", "Weight of depth (gamma) against its scale (lambda)."),
    "occlusion": ("experiment_association", "Identity switches by occlusion, depth gap and crowding."),
    "depth-quality": ("experiment_depth", "Flicker, drift, order and scale jumps of a depth stream."),
    "detector": ("experiment_detector", "AP and depth of a detector by set, size, visibility, distance."),
    "cost": ("experiment_detector", "Parameters, FLOPs and latency of the depth module."),
    "ablation": ("experiment_detector", "Variants of the detector on the same small budget."),
    "synthetic": ("experiment_synthetic", "What true depth is worth at three levels of crowding."),
    "depth-sources": ("experiment_sources", "What each source of depth is worth on the same boxes."),
    "label-quality": ("experiment_labels", "Labels read inside masks against labels averaged over boxes."),
    "teacher-student": ("experiment_labels", "Students against their teachers, both against true depth."),
    "end-to-end": ("experiment_end_to_end", "What depth is worth to identities predicted from queries."),
    "predict": ("experiment_detector", "A benchmark with a detector's boxes and depths."),
}


class LazyExperiments(TyperGroup):
    """Imports an experiment's module when the experiment is run."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Words of the experiments whose module exists."""
        return [word for word, (name, _) in EXPERIMENTS.items() if find_spec(f"deptr.cli.{name}")]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The click command behind a word, None when there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module, summary = EXPERIMENTS[cmd_name]
        command: Any = typer.main.get_command(importlib.import_module(f"deptr.cli.{module}").app)
        command = getattr(command, "commands", {}).get(cmd_name, command)
        command.name = cmd_name
        command.short_help = summary
        return command


app = typer.Typer(cls=LazyExperiments, no_args_is_help=True, add_completion=False)


@app.callback()
def experiment() -> None:
    """Run one of the paper's experiments; each writes its table, its data and its plot."""
