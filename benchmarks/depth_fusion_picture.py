"""Draws docs/images/depth-fusion.svg: the four costs of a pair, and how evidence and trust are made.

    python benchmarks/depth_fusion_picture.py [--output FILE]

The evidence is that of the package's own function; the rest are the defaults' formulas.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from deptr.tracking.depth.likelihood import log_likelihood_ratio
from deptr.tracking.depth.terms import EVIDENCE_SCALE

OUTPUT = Path(__file__).parents[1] / "docs" / "images" / "depth-fusion.svg"
PLAIN, SAME, DIFFERENT, WRONG = 0.5, 0.05**2, 0.5**2, 0.02


def evidence(gap: np.ndarray, same: float) -> np.ndarray:
    """As the adaptive term has it, outliers included."""
    ratio = log_likelihood_ratio(gap, np.array(same), DIFFERENT)
    return np.log(WRONG + (1 - WRONG) * np.exp(np.maximum(ratio, -30.0)))


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    output = parser.parse_args().output
    plt.rcParams.update({"svg.hashsalt": "deptr", "font.size": 8, "svg.fonttype": "none"})
    figure, (costs, ratios) = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
    gap = np.linspace(-0.6, 0.6, 121)
    costs.plot(gap, np.full_like(gap, PLAIN), "k:", label="none")
    costs.plot(
        gap,
        0.8 * PLAIN + 0.2 * np.minimum(1, np.abs(gap)),
        label="fixed: gamma 0.2, scale 1 (gap in its own unit)",
    )
    sigmas = np.abs(gap) / np.sqrt(SAME)
    costs.plot(gap, 0.6 * PLAIN + 0.4 * np.minimum(1, 0.25 * sigmas), label="kalman: gamma 0.4, scale 0.25")
    for trust, line in ((0.5, "--"), (1.0, "-")):
        fused = PLAIN - 0.3 * trust * evidence(gap, SAME) / EVIDENCE_SCALE
        costs.plot(gap, fused, f"C2{line}", label=f"adaptive: gamma 0.3, trust {trust:g}")
    costs.set(
        xlabel="difference of depth in filter space",
        ylabel="cost of a pair, 0.5 by boxes",
        ylim=(-0.15, 0.85),
    )
    for std in (0.05, 0.1, 0.25):
        ratios.plot(gap, evidence(gap, std**2), label=f"noise {std:g}")
    ratios.axhline(0, color="k", linewidth=0.5)
    ratios.set(xlabel="difference of depth in filter space", ylabel="evidence in nats (one object > 0)")
    costs.legend(frameon=False, fontsize=7, loc="lower left")
    ratios.legend(frameon=False, fontsize=7)
    for axes in (costs, ratios):
        axes.spines[["top", "right"]].set_visible(False)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
