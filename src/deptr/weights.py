"""Weights that the package can use but does not ship: what they are, how big, whose licence, where to put.

Nothing is downloaded unless asked for: some licences forbid commercial use, and they bind what is trained
on the labels too.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from deptr.errors import DataError, MissingExtraError, UsageError

HUB_PATIENCE = 5.0  # seconds
FOLDER_VARIABLE = "DEPTR_WEIGHTS"
APACHE = "Apache-2.0"
MASKS = "masks from boxes"
NON_COMMERCIAL = "CC-BY-NC-4.0 (not for commercial use)"


@dataclass(frozen=True)
class Weights:
    """A published checkpoint.

    Attributes:
        name: Name on the command line.
        purpose: What it does, in a few words.
        hub_id: Repository on the Hugging Face hub.
        file: Checkpoint file in that repository.
        size_mb: Size of that file in megabytes, rounded.
        licence: Licence of the weights.
        is_folder: Whether it has a folder of its own, with `beside`.
        beside: What lies beside the file there.
        sha256: Of the file, empty where it is not known for certain.
    """

    name: str
    purpose: str
    hub_id: str
    file: str
    size_mb: int
    licence: str = APACHE
    is_folder: bool = True
    beside: tuple[str, ...] = ("config.json",)
    sha256: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """All files that are needed."""
        return (*(self.beside if self.is_folder else ()), self.file)

    @property
    def url(self) -> str:
        """Page with the files."""
        return f"https://huggingface.co/{self.hub_id}"

    def place(self, folder: Path) -> Path:
        """Where the file or folder is looked for."""
        return folder / (self.name if self.is_folder else self.file)


def _published() -> list[Weights]:
    masks, depth, metric = MASKS, "depth of video", "metric depth of images"
    tensors, small = "model.safetensors", "depth-anything/Video-Depth-Anything-"
    sam = [("tiny", 156), ("small", 184), ("base-plus", 323), ("large", 898)]
    video = [
        ("small", "vits", 116, APACHE, "13379300b739e659f076a59d52e9801bd8d38c541a7e71f73bbca4dcfb013609"),
        ("base", "vitb", 458, NON_COMMERCIAL, ""),
        ("large", "vitl", 1538, NON_COMMERCIAL, ""),
    ]
    return [
        *(
            Weights(f"sam2.1-hiera-{size}", masks, f"facebook/sam2.1-hiera-{size}", tensors, megabytes)
            for size, megabytes in sam
        ),
        Weights("edgetam", masks, "yonigozlan/EdgeTAM-hf", tensors, 56),
        *(
            Weights(
                f"vda-{size}",
                depth,
                small + size.capitalize(),
                f"video_depth_anything_{encoder}.pth",
                megabytes,
                licence,
                is_folder=False,
                sha256=digest,
            )
            for size, encoder, megabytes, licence, digest in video
        ),
        Weights(
            "depth-anything-v2-small",
            "depth of images",
            "depth-anything/Depth-Anything-V2-Small-hf",
            tensors,
            99,
        ),
        Weights(
            "depth-anything-3-metric", metric, "depth-anything/DA3METRIC-LARGE", tensors, 1400, beside=()
        ),
        *(
            Weights(
                f"moge-2-{size}",
                metric,
                f"Ruicheng/moge-2-{size}-normal",
                "model.pt",
                megabytes,
                "MIT",
                beside=(),
            )
            for size, megabytes in (("vits", 140), ("vitb", 416), ("vitl", 1324))
        ),
    ]


WEIGHTS: Mapping[str, Weights] = MappingProxyType({entry.name: entry for entry in _published()})


# what `deptr train` and `Detector.from_pretrained` take from the hub by name, through transformers
DETECTOR_WEIGHTS: tuple[Weights, ...] = tuple(
    Weights(
        f"dfine-{size}-coco",
        "detector to start from",
        f"ustc-community/dfine-{size}-coco",
        "model.safetensors",
        megabytes,
    )
    for size, megabytes in (("nano", 15), ("small", 42), ("medium", 79), ("large", 125), ("xlarge", 252))
)


def weights_named(name: str) -> Weights:
    """The checkpoint of that name.

    Raises:
        UsageError: There is none.

    Example:
        >>> weights_named("vda-small").file
        'video_depth_anything_vits.pth'
    """
    if name not in WEIGHTS:
        raise UsageError(f"weights: expected one of {', '.join(WEIGHTS)}, got {name!r}")
    return WEIGHTS[name]


def default_folder() -> Path:
    """Folder in which weights are looked for: ``$DEPTR_WEIGHTS``, else ``~/.cache/deptr/weights``."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path.home() / ".cache" / "deptr" / "weights"


def find_weights(name: str, folder: str | Path | None = None, *, download: bool = False) -> Path:
    """The file or folder of a checkpoint.

    Args:
        name: See `WEIGHTS`.
        folder: Where to look, `default_folder` if None.
        download: Whether to fetch it from the hub into that folder if it is not there.

    Returns:
        A file for Video Depth Anything, a folder for `transformers` models.

    Raises:
        DataError: It is not there; the message says what to get, its size and licence and where to put it.
        UsageError: There is no checkpoint of that name.
    """
    entry = weights_named(name)
    root = Path(folder) if folder is not None else default_folder()
    place = entry.place(root)
    needed = place / entry.file if entry.is_folder else place
    if needed.is_file():
        return place
    if download:
        fetch_weights(entry, root)
        return place
    files = " and ".join(entry.files)
    raise DataError(
        needed,
        f"the weights {name} are not there",
        expected=f"{entry.file}, {entry.size_mb} MB, licence {entry.licence}",
        hint=f"download {files} from {entry.url} to {needed.parent}, or let deptr label --download fetch it",
    )


def found_here(name_or_path: str | Path) -> bool:
    """Whether a checkpoint is to be read from this machine, not from the hub.

    That is so for a folder, and for a model of the hub that was fetched before while the hub is silent.

    Raises:
        DataError: It is neither here, nor can the hub be asked for it.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if Path(name_or_path).exists():
        return True
    name, hint = str(name_or_path), "name a folder with config.json and model.safetensors"
    try:
        cached = try_to_load_from_cache(name, "model.safetensors")
    except HFValidationError as error:
        raise DataError(name, "no such folder, nor can it be a name on the hub", hint=hint) from error
    silence = why_no_hub()
    if silence is not None and not isinstance(cached, str):
        hint += ", or try again with a network"
        problem = "no such folder, and the hub cannot be reached"
        raise DataError(name, problem, found=silence, hint=hint)
    return silence is not None


def why_no_hub() -> str | None:
    """Why the Hugging Face hub does not answer within seconds, None when it does.

    Its own client tries again for half a minute a file, and for minutes where a network swallows packets.
    """
    from huggingface_hub import constants, get_session

    answer: list[str | None] = []

    def ask() -> None:
        try:
            get_session().head(constants.ENDPOINT, timeout=HUB_PATIENCE)
            answer.append(None)
        except Exception as error:  # noqa: BLE001  (the client's errors differ from version to version)
            told = str(error).splitlines()
            answer.append(told[0][:100] if told else type(error).__name__)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(HUB_PATIENCE)
    return answer[0] if answer else f"no answer in {HUB_PATIENCE:g} s"


def fetch_weights(entry: Weights, root: Path) -> None:
    """Download a checkpoint into a folder of weights.

    Raises:
        DataError: The hub cannot be reached, or the folder not be written.
        MissingExtraError: The hub's client is not installed.
    """
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError as error:
        raise MissingExtraError("downloading weights", "teacher") from error
    target = root / entry.name if entry.is_folder else root
    by_hand = (
        f"get {entry.file} ({entry.size_mb} MB, licence {entry.licence}) by hand and put it into {target}"
    )
    problem = f"the weights {entry.name} cannot be downloaded"
    silence = why_no_hub()
    if silence is not None:
        raise DataError(entry.url, problem, found=silence, hint=by_hand)
    try:
        for file in entry.files:
            hf_hub_download(entry.hub_id, file, local_dir=target)
    except (HfHubHTTPError, OSError) as error:
        found = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise DataError(entry.url, problem, found=found, hint=by_hand) from error
