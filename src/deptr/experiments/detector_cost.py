"""`deptr experiment cost`: what the depth module costs beside the plain detector."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from deptr.detector.config import DepTRConfig
from deptr.detector.export import export_onnx
from deptr.detector.modeling import DepTRForObjectDetection
from deptr.detector.opening import bundled_model
from deptr.detector.outputs import NamedOutputs
from deptr.detector.own import OnnxRunner
from deptr.evaluation.tables import Table


@dataclass(frozen=True)
class Cost:
    """What one form of the network costs per image.

    Attributes:
        parameters: Numbers to store.
        flops: Floating point operations of one image (two per multiply-add).
        torch_ms: CPU time of one image with torch, milliseconds.
        onnx_ms: The same with ONNX Runtime.
    """

    parameters: int
    flops: int
    torch_ms: float
    onnx_ms: float


def cost_table(*, repeats: int = 20, size: tuple[int, int] = (384, 640)) -> Table:
    """Parameters, FLOPs and latency of the bundled detector's network without depth and with either module.

    Latency is CPU time on one thread, the fastest of interleaved runs: what a busy machine adds is not the
    network.

    Args:
        repeats: Runs of each network.
        size: Height and width of the input.
    """
    names = ("none", "light", "deformable")
    networks = {}
    for name in names:
        torch.manual_seed(0)
        config = DepTRConfig.from_pretrained(bundled_model().with_suffix(""))
        config.image_height, config.image_width, config.depth_head = *size, name
        networks[name] = DepTRForObjectDetection(config).eval()
    costs = _measure(networks, repeats, size)
    table = Table(
        "Cost of the depth module",
        [
            "depth module",
            "parameters",
            "more",
            "GFLOP",
            "more",
            "torch ms",
            "more",
            "ONNX Runtime ms",
            "more",
        ],
        note=f"One image of {size[1]}x{size[0]}, one CPU thread, fastest of {repeats} runs by CPU time.",
    )
    plain = costs["none"]
    for name, cost in costs.items():
        row = [name]
        for own, base, text in (
            (cost.parameters, plain.parameters, f"{cost.parameters:,}"),
            (cost.flops, plain.flops, f"{cost.flops / 1e9:.3f}"),
            (cost.torch_ms, plain.torch_ms, f"{cost.torch_ms:.1f}"),
            (cost.onnx_ms, plain.onnx_ms, f"{cost.onnx_ms:.1f}"),
        ):
            row += [text, f"{own / base - 1:+.1%}"]
        table.rows.append(row)
    return table


def _measure(
    networks: dict[str, DepTRForObjectDetection], repeats: int, size: tuple[int, int]
) -> dict[str, Cost]:
    image = np.random.default_rng(0).standard_normal((1, 3, *size), dtype=np.float32)
    tensor = torch.from_numpy(image)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
            runs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {}
            for name, network in networks.items():
                path = Path(folder) / f"{name}.onnx"
                with torch.inference_mode(mode=False):
                    export_onnx(network, path, tolerance=float("inf"))
                runner = OnnxRunner(path, threads=1, device="cpu")
                module = NamedOutputs(network).eval()
                runs[name] = (_call(module, tensor), _call(runner.run, image))
            times = _interleaved(runs, repeats)
            return {
                name: Cost(
                    sum(value.numel() for value in network.parameters()),
                    _flops(network, tensor),
                    min(times[name][0]),
                    min(times[name][1]),
                )
                for name, network in networks.items()
            }
    finally:
        torch.set_num_threads(threads)


def _call(function: Callable[..., object], argument: object) -> Callable[[], object]:
    return lambda: function(argument)


def _interleaved(
    runs: dict[str, tuple[Callable[[], object], Callable[[], object]]], repeats: int
) -> dict[str, tuple[list[float], list[float]]]:
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in runs}
    for repeat in range(repeats + 2):
        for name, pair in runs.items():
            for kind, run in enumerate(pair):
                start = time.process_time()
                run()
                if repeat >= 2:  # the first ones warm up
                    times[name][kind].append((time.process_time() - start) * 1e3)
    return times


def _flops(network: DepTRForObjectDetection, image: torch.Tensor) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(image)
    return int(counter.get_total_flops())
