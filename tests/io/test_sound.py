"""The sound of a source is in the video that was made of it, bit for bit and in time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import deptr
from deptr.io.sound import keep_sound

BOXES = "".join(f"{k},-1,{10 + 3 * k},20,30,60,0.9\n" for k in range(1, 21))


def clip(path: Path, codec: str, *, seconds: float = 4.0) -> Path:
    """Two seconds of grey pictures and a tone that is longer."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        rate = 48_000
        sound = container.add_stream(codec, rate=rate)
        for k in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((120, 160, 3), 5 * k, np.uint8), format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, 10)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        kind = sound.codec_context.format.name if sound.codec_context.format else "fltp"
        for k in range(int(seconds * rate / 960)):
            tone = 0.2 * np.sin(2 * np.pi * 440 * (np.arange(960) + 960 * k) / rate)
            samples = tone.astype(np.float32) if kind.startswith("flt") else (tone * 32767).astype(np.int16)
            piece = av.AudioFrame.from_ndarray(samples[None], format=kind, layout="mono")
            piece.pts, piece.sample_rate, piece.time_base = 960 * k, rate, Fraction(1, rate)
            container.mux(sound.encode(piece))
        container.mux(sound.encode(None))
    return path


def packets(path: Path, seconds: float) -> list[bytes]:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return [
            bytes(packet)
            for packet in container.demux(stream)
            if packet.pts is not None and 0 <= packet.pts * packet.time_base < seconds
        ]


def test_sound_is_copied_as_it_is_and_ends_with_the_pictures(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mp4", "aac")
    (tmp_path / "det.txt").write_text(BOXES)
    out = tmp_path / "o"
    summary = deptr.track(source, detections=tmp_path / "det.txt").save(out)
    assert summary.notes == []
    assert packets(out / "tracked.mp4", 1.9) == packets(source, 1.9)
    with av.open(str(out / "tracked.mp4")) as container:
        assert len(list(container.decode(video=0))) == 20
        assert container.duration is not None and container.duration / 1e6 < 2.2


@pytest.mark.parametrize("codec", ["pcm_s16le"])
def test_sound_that_no_mp4_holds_is_told_and_the_video_stays(tmp_path: Path, codec: str) -> None:
    source = clip(tmp_path / "a.mkv", codec)
    (tmp_path / "det.txt").write_text(BOXES)
    summary = deptr.track(source, detections=tmp_path / "det.txt").save(tmp_path / "o")
    assert ["no place in an mp4" in note for note in summary.notes] == [True]
    with av.open(str(tmp_path / "o" / "tracked.mp4")) as container:
        assert (len(list(container.decode(video=0))), len(container.streams.audio)) == (20, 0)


def test_what_is_no_file_has_no_sound(tmp_path: Path) -> None:
    assert keep_sound(tmp_path / "none.mp4", 0) == []
    assert keep_sound(tmp_path / "none.mp4", tmp_path) == []
