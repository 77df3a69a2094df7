"""Every format of tracks by its name, and which of them a file or folder is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from deptr.errors import DataError, UsageError
from deptr.io.annotation.formats import ANNOTATIONS, recognized_annotation
from deptr.io.json_track_file import write_json_lines
from deptr.io.recordings.bag import is_bag
from deptr.io.recordings.of_sequence import read_bag, write_bag, write_foxglove, write_rerun, written_only
from deptr.io.run_folder import is_run, read_run
from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.table_files import read_csv, read_json_lines, read_parquet, write_csv, write_parquet
from deptr.io.track_format import Format
from deptr.io.track_text import read_text_tracks, write_text

_ALL = (
    Format(
        "mot",
        "MOT text with the depth behind, as `deptr track` writes it",
        ".txt",
        read_text_tracks,
        write_text,
    ),
    Format("csv", "CSV with a header", ".csv", read_csv, write_csv),
    Format("parquet", "Parquet (extra tables)", ".parquet", read_parquet, write_parquet),
    Format("jsonl", "JSON lines, a frame each", ".jsonl", read_json_lines, write_json_lines),
    Format("mcap", "vision_msgs in an MCAP file (extra ros)", ".mcap", read_bag, write_bag),
    Format("rosbag2", "vision_msgs in the folder of a ROS 2 bag (extra ros)", "", read_bag, write_bag),
    Format("foxglove", "MCAP to look at (extra foxglove)", ".foxglove.mcap", written_only, write_foxglove),
    Format("rerun", "to look at (extra rerun)", ".rrd", written_only, write_rerun),
    *ANNOTATIONS,
)
FORMATS: Mapping[str, Format] = MappingProxyType({entry.name: entry for entry in _ALL})


def format_of(name: str, option: str = "format") -> Format:
    """The format of that name.

    Raises:
        UsageError: There is no such format.

    Example:
        >>> format_of("csv").ending
        '.csv'
    """
    if name not in FORMATS:
        raise UsageError(f"{option}: expected one of {', '.join(FORMATS)}, got {name!r}")
    return FORMATS[name]


def read_sequence(path: str | Path, name: str | None = None) -> SequenceTracks:
    """Tracks of a run's folder, or of a file or folder in any format.

    Args:
        path: Where it is.
        name: Its format; None recognizes it.

    Raises:
        UsageError: There is no such format.
        DataError: Nothing is there, it is in none of the formats, or it is damaged.

    Example:
        >>> file = getfixture("tmp_path") / "tracks.txt"
        >>> _ = file.write_text("1,7,10,20,30,60,0.9,-1,-1,-1,5.5")
        >>> read_sequence(file).tracks.depth
        array([5.5])
    """
    place = Path(path)
    if name is not None:
        return format_of(name).read(place)
    if is_run(place):
        return read_run(place)
    return FORMATS[recognized(place)].read(place)


def recognized(place: Path) -> str:
    """Name of the format that a file or folder is in.

    Raises:
        DataError: Nothing is there, or it is in none.
    """
    if not place.exists():
        raise DataError(place, "no such file or folder")
    if place.is_dir() and is_bag(place):
        return "rosbag2"
    found = recognized_annotation(place)
    if found is None and place.is_file():
        endings = (entry.name for entry in _ALL if entry.ending and place.name.endswith(entry.ending))
        found = next(endings, None)
    if found is None:
        expected = f"the folder of a run, or one of {', '.join(FORMATS)}"
        raise DataError(place, "not recognized as tracks", expected=expected, hint="say --from FORMAT")
    return found
