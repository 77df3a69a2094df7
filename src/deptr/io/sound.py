"""The sound of a source, kept in the video that was made of it."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from deptr.errors import DataError
from deptr.files import atomic_path

_IN_MP4 = {"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"}


def keep_sound(video: Path, source: object) -> list[str]:
    """Put the sound of a source beside the pictures, packet by packet as it is, up to their end.

    Args:
        video: The mp4 that was made; it is replaced when all is well, and stays as it is otherwise.
        source: What it was made of; only a file on disk may have sound.

    Returns:
        What the user should know, in sentences; none where there is no sound.
    """
    if not isinstance(source, (str, Path)) or not Path(source).is_file() or not video.is_file():
        return []
    try:
        with ExitStack() as stack:
            heard = stack.enter_context(av.open(os.path.abspath(source)))
            if not heard.streams.audio:
                return []
            codec = heard.streams.audio[0].codec_context.name
            if codec not in _IN_MP4:
                return [f"{Path(source).name}: sound in {codec} has no place in an mp4; the video is silent"]
            with atomic_path(video) as temporary:
                _join(video, heard, temporary)
    except (FFmpegError, DataError, OSError) as error:
        return [f"{Path(source).name}: its sound could not be kept ({error}); the video is silent"]
    return []


def _join(video: Path, heard: Any, target: Path) -> None:
    """Both streams into one file, packets in the order of time."""
    sound, first = heard.streams.audio[0], heard.streams.video[0]
    with av.open(os.path.abspath(video)) as seen, av.open(os.path.abspath(target), "w", format="mp4") as out:
        pictures: Any = seen.streams.video[0]
        shown, played = out.add_stream_from_template(pictures), out.add_stream_from_template(sound)
        begin = round((first.start_time or 0) * first.time_base / sound.time_base)
        end = pictures.duration * pictures.time_base
        first_picture = pictures.start_time or 0
        packets = heapq.merge(
            _packets(seen, pictures, first_picture, end, shown),
            _packets(heard, sound, begin, end, played),
            key=lambda packet: packet.dts * packet.time_base,
        )
        for packet in packets:
            out.mux(packet)


def _packets(container: Any, stream: Any, begin: int, end: Fraction, target: Any) -> Iterator[Any]:
    """Packets between two times, counted from the first and meant for another stream."""
    for packet in container.demux(stream):
        if packet.dts is None or packet.pts < begin:  # the end, or what is before the first picture
            continue
        packet.pts, packet.dts = packet.pts - begin, packet.dts - begin
        if packet.dts * packet.time_base >= end:
            return
        packet.stream = target
        yield packet
