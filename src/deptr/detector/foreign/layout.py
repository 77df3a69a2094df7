"""What a file says of itself, and what each form of export answers: the base of all layouts."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from deptr.detector.foreign.answers import Answer
from deptr.detector.foreign.class_names import class_names, said_names
from deptr.detector.foreign.inputs import InputForm

Arrays = Mapping[str, Any]
STRIDES = (8, 16, 32)


@dataclass(frozen=True)
class Port:
    """An input or output of a network.

    Attributes:
        name: As the file calls it.
        shape: Its sides, None where they are free.
        kind: Such as ``tensor(float)``.
    """

    name: str
    shape: tuple[int | None, ...]
    kind: str

    def __str__(self) -> str:
        sides = ", ".join("?" if side is None else str(side) for side in self.shape)
        return f"{self.name} [{sides}] {self.kind.removeprefix('tensor(').removesuffix(')')}"


@dataclass(frozen=True)
class Network:
    """What an ONNX file says of itself.

    Attributes:
        path: The file.
        inputs: Of the network, images first.
        outputs: Of the network.
        metadata: Written by whoever exported it.
    """

    path: Path
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the input, None where they are free."""
        height, width = self.inputs[0].shape[-2:]
        return None if height is None or width is None else (height, width)

    @property
    def named_classes(self) -> int | None:
        """How many classes the metadata names, None where it is silent."""
        return len(said_names(self.metadata.get("names"))) or None

    def output(self, *names: str) -> Port | None:
        """The first output of one of these names."""
        return next((port for port in self.outputs if port.name in names), None)


class Layout(ABC):
    """A form of export: what goes in, and what comes out.

    Attributes:
        word: Its name for ``--detector-format``.
        models: Whose exports have it.
        outputs: What they look like, for messages.
        nms_iou: Of two boxes of a class that overlap by more the worse is dropped; 1 keeps all.

    Args:
        network: Whose layout it is.
    """

    word: ClassVar[str]
    models: ClassVar[str]
    outputs: ClassVar[str]
    nms_iou: ClassVar[float] = 1.0
    default_size: ClassVar[tuple[int, int]] = (640, 640)

    def __init__(self, network: Network) -> None:
        self.network = network

    @classmethod
    @abstractmethod
    def fits(cls, network: Network) -> bool:
        """Whether the network looks like it."""

    @abstractmethod
    def form(self, height: int, width: int) -> InputForm:
        """How images become inputs of that size."""

    def default_form(self) -> InputForm:
        """How images become inputs where the network takes any size: as its metadata says."""
        said = re.findall(r"\d+", self.network.metadata.get("imgsz", ""))
        return self.form(*(map(int, said[:2]) if len(said) > 1 else self.default_size))

    @property
    @abstractmethod
    def class_count(self) -> int:
        """How many classes the network knows."""

    @abstractmethod
    def answer(self, outputs: Arrays, size: tuple[int, int]) -> Answer:
        """What the outputs of one image say.

        Args:
            outputs: By name, without the batch.
            size: Height and width of the input.
        """

    def extra_inputs(self, count: int, size: tuple[int, int]) -> dict[str, Any]:
        """Inputs besides the images, for a batch of `count`."""
        return {}

    def names(self) -> dict[int, str]:
        """Names of the classes."""
        return class_names(self.class_count, self.network.metadata.get("names"))


def cells(size: tuple[int, int], strides: tuple[int, ...] = STRIDES) -> int:
    """How many cells the grids of all strides have.

    Example:
        >>> cells((640, 640))
        8400
    """
    return sum((size[0] // stride) * (size[1] // stride) for stride in strides)


def single_rows(network: Network) -> tuple[int | None, int | None] | None:
    """The two sides after the batch of a network's first output, None where that has no three sides."""
    shape = network.outputs[0].shape
    return (shape[1], shape[2]) if len(shape) == 3 else None
