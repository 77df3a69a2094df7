"""Whether the released detector's states tell people apart, and whether their looks do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deptr.evaluation.tables import Table
from deptr.experiments.end_to_end.views import looks_file
from deptr.records import FloatArray, IntArray
from deptr.tracking.learned.observations import LOG_H, LOG_W, U, V
from deptr.training.identity.detections import Clip
from deptr.training.identity.sightings import load_clips

SECONDS = (0.2, 1.0)
NOTE = """Each detection of a person asks which detection some time later is of the same person. Right
answers, %: by chance, by the nearest centre, by the most alike state (cosine after each number's mean and
deviation in the sequence), by states from which a line has taken out place and size, and by the most alike
look."""


def likeness_table(folder: Path) -> Table:
    """How often the most alike state or look, some time later, is the same person's.

    Args:
        folder: What `teach` made.
    """
    heads = ["sequence", "seconds later", "asked", "chance", "place", "state", "state beyond the box", "look"]
    table = Table("What tells people apart?", heads, note=NOTE, words=1)
    for path in sorted((folder / "test-own").glob("*.npz")):
        (clip,), looks = load_clips(path), np.load(looks_file(path)).astype(np.float64)
        for seconds in SECONDS:
            counts = np.sum(list(_answers(clip, looks, seconds)), axis=0)
            shares = [f"{100 * right / max(counts[0], 1):.0f}" for right in counts[1:]]
            table.rows.append([path.stem, f"{seconds:g}", f"{counts[0]:.0f}", *shares])
    return table


def _answers(clip: Clip, looks: FloatArray, seconds: float) -> Iterator[FloatArray]:
    """Of each frame: how many are asked, and right by chance, place, state, state beyond the box, look."""
    yield np.zeros(6)
    states = clip.states.astype(np.float64)
    states = (states - states.mean(0)) / (states.std(0) + 1e-6)
    box = np.column_stack([clip.seen[:, [U, V, LOG_W, LOG_H]].astype(np.float64), np.ones(len(states))])
    beyond = states - box @ np.linalg.lstsq(box, states, rcond=None)[0]
    places = clip.seen[:, [U, V]].astype(np.float64)
    heights = np.exp(clip.seen[:, LOG_H].astype(np.float64))
    step = max(1, round(seconds / float(np.median(np.diff(clip.seconds)))))
    for frame in range(len(clip.seconds) - step):
        now, later = _people(clip, frame), _people(clip, frame + step)
        now = now[np.isin(clip.identities[now], clip.identities[later])]
        if not len(now):
            continue
        away = np.linalg.norm(places[now][:, None] - places[later][None], axis=2) / heights[now][:, None]
        alike = [-away, *(_cosine(each[now], each[later]) for each in (states, beyond, looks))]
        found = [clip.identities[later][likeness.argmax(1)] for likeness in alike]
        right = [(names == clip.identities[now]).sum() for names in found]
        yield np.array([len(now), len(now) / len(later), *right], float)


def _people(clip: Clip, frame: int) -> IntArray:
    return np.flatnonzero((clip.frames == frame) & (clip.identities >= 0))


def _cosine(a: FloatArray, b: FloatArray) -> FloatArray:
    norms = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None]
    similarity: FloatArray = a @ b.T / np.maximum(norms, 1e-9)
    return similarity
