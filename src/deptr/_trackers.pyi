"""The trackers' constructors with every parameter; written by scripts/tracker_signatures.py."""

from typing import Literal

from deptr.tracking import botsort, bytetrack, hybridsort, ocsort, sort
from deptr.tracking.fusion import DepthFusion

class Sort(sort.Sort):
    def __init__(
        self,
        *,
        depth: DepthFusion | str | None = None,
        frame_rate: float = 30.0,
        low_score: float = 0.1,
        high_score: float = 0.6,
        new_score: float = 0.6,
        lost_seconds: float = 1.0,
        confirm_frames: int = 3,
        sure_score: float = 1.0,
        boxes: Literal["observed", "filtered", "adaptive"] = "adaptive",
        class_agnostic: bool = True,
        camera_motion: bool = False,
        panorama: bool = False,
        panorama_width: int = 0,
        match_iou: float = 0.3,
    ) -> None:
        """SORT with depth fusion.

        Args:
            depth: How depth takes part in the association, as a `DepthFusion` or in words (``"kalman"``,
                ``"fixed:gamma=0.2"``); None means adaptive whenever detections carry it.
            frame_rate: Frames per second, used where `update` gets no timestamp.
            low_score: Detections below this are ignored; a number in [0, 1].
            high_score: Detections above this take part in the first association; a number in [0, 1].
            new_score: An unmatched detection starts a track from this score on; a number in [0, 1].
            lost_seconds: How long a track that is not seen is remembered; a number in [0, 3600].
            confirm_frames: Frames in a row, of 30 fps video, that a track is matched before it is
                reported; a whole number in [1, 1000].
            sure_score: A track detected above this score is reported without waiting; a number in [0, 1].
            boxes: Reported box: the detection's, the filter's, or the better by learned box noise; one of
                observed, filtered, adaptive.
            class_agnostic: Let a track change its class.
            camera_motion: Compensate camera motion from the frames (needs frames).
            panorama: 360 degree image whose left and right border touch.
            panorama_width: Width of the panorama in pixels, 0 = that of the frames; a whole number in [0,
                1e+06].
            match_iou: Least similarity of a pair; a number in [0, 1].
        """

class ByteTrack(bytetrack.ByteTrack):
    def __init__(
        self,
        *,
        depth: DepthFusion | str | None = None,
        frame_rate: float = 30.0,
        low_score: float = 0.1,
        high_score: float = 0.6,
        new_score: float = 0.7,
        lost_seconds: float = 1.0,
        confirm_frames: int = 2,
        sure_score: float = 1.0,
        boxes: Literal["observed", "filtered", "adaptive"] = "adaptive",
        class_agnostic: bool = True,
        camera_motion: bool = False,
        panorama: bool = False,
        panorama_width: int = 0,
        match_cost: float = 0.9,
        second_match_cost: float = 0.5,
    ) -> None:
        """ByteTrack with depth fusion in both associations.

        Args:
            depth: How depth takes part in the association, as a `DepthFusion` or in words (``"kalman"``,
                ``"fixed:gamma=0.2"``); None means adaptive whenever detections carry it.
            frame_rate: Frames per second, used where `update` gets no timestamp.
            low_score: Detections below this are ignored; a number in [0, 1].
            high_score: Detections above this take part in the first association; a number in [0, 1].
            new_score: An unmatched detection starts a track from this score on; a number in [0, 1].
            lost_seconds: How long a track that is not seen is remembered; a number in [0, 3600].
            confirm_frames: Matched frames before a track is reported; a whole number in [1, 1000].
            sure_score: A track detected above this score is reported without waiting; a number in [0, 1].
            boxes: Reported box: the detection's, the filter's, or the better by learned box noise; one of
                observed, filtered, adaptive.
            class_agnostic: Let a track change its class.
            camera_motion: Compensate camera motion from the frames (needs frames).
            panorama: 360 degree image whose left and right border touch.
            panorama_width: Width of the panorama in pixels, 0 = that of the frames; a whole number in [0,
                1e+06].
            match_cost: Largest 1 - IoU x score of a pair in the first association; a number in [0, 1].
            second_match_cost: Largest 1 - IoU of a pair in the second association; a number in [0, 1].
        """

class OCSORT(ocsort.OCSORT):
    def __init__(
        self,
        *,
        depth: DepthFusion | str | None = None,
        frame_rate: float = 30.0,
        low_score: float = 0.1,
        high_score: float = 0.6,
        new_score: float = 0.6,
        lost_seconds: float = 1.0,
        confirm_frames: int = 3,
        sure_score: float = 1.0,
        boxes: Literal["observed", "filtered", "adaptive"] = "adaptive",
        class_agnostic: bool = True,
        camera_motion: bool = False,
        panorama: bool = False,
        panorama_width: int = 0,
        match_iou: float = 0.3,
        delta_seconds: float = 0.1,
        inertia: float = 0.2,
        byte: bool = False,
    ) -> None:
        """OC-SORT with depth fusion: directions of motion (OCM), recovery (OCR) and re-update (ORU).

        Args:
            depth: How depth takes part in the association, as a `DepthFusion` or in words (``"kalman"``,
                ``"fixed:gamma=0.2"``); None means adaptive whenever detections carry it.
            frame_rate: Frames per second, used where `update` gets no timestamp.
            low_score: Detections below this are ignored; a number in [0, 1].
            high_score: Detections above this take part in the first association; a number in [0, 1].
            new_score: An unmatched detection starts a track from this score on; a number in [0, 1].
            lost_seconds: How long a track that is not seen is remembered; a number in [0, 3600].
            confirm_frames: Frames in a row, of 30 fps video, that a track is matched before it is
                reported; a whole number in [1, 1000].
            sure_score: A track detected above this score is reported without waiting; a number in [0, 1].
            boxes: Reported box: the detection's, the filter's, or the better by learned box noise; one of
                observed, filtered, adaptive.
            class_agnostic: Let a track change its class.
            camera_motion: Compensate camera motion from the frames (needs frames).
            panorama: 360 degree image whose left and right border touch.
            panorama_width: Width of the panorama in pixels, 0 = that of the frames; a whole number in [0,
                1e+06].
            match_iou: Least similarity of a pair; a number in [0, 1].
            delta_seconds: Time over which the direction of motion is measured; a number in [0, 10].
            inertia: Weight of the direction of motion in the first association; a number in [0, 10].
            byte: Also offer the low-score detections to tracks left over.
        """

class BoTSORT(botsort.BoTSORT):
    def __init__(
        self,
        *,
        depth: DepthFusion | str | None = None,
        frame_rate: float = 30.0,
        low_score: float = 0.1,
        high_score: float = 0.6,
        new_score: float = 0.7,
        lost_seconds: float = 1.0,
        confirm_frames: int = 2,
        sure_score: float = 1.0,
        boxes: Literal["observed", "filtered", "adaptive"] = "adaptive",
        class_agnostic: bool = True,
        camera_motion: bool = False,
        panorama: bool = False,
        panorama_width: int = 0,
        match_cost: float = 0.8,
        second_match_cost: float = 0.5,
        proximity_cost: float = 0.5,
        appearance_cost: float = 0.25,
    ) -> None:
        """BoT-SORT with depth fusion; appearance takes part when detections carry ``data["embedding"]``.

        Args:
            depth: How depth takes part in the association, as a `DepthFusion` or in words (``"kalman"``,
                ``"fixed:gamma=0.2"``); None means adaptive whenever detections carry it.
            frame_rate: Frames per second, used where `update` gets no timestamp.
            low_score: Detections below this are ignored; a number in [0, 1].
            high_score: Detections above this take part in the first association; a number in [0, 1].
            new_score: An unmatched detection starts a track from this score on; a number in [0, 1].
            lost_seconds: How long a track that is not seen is remembered; a number in [0, 3600].
            confirm_frames: Matched frames before a track is reported; a whole number in [1, 1000].
            sure_score: A track detected above this score is reported without waiting; a number in [0, 1].
            boxes: Reported box: the detection's, the filter's, or the better by learned box noise; one of
                observed, filtered, adaptive.
            class_agnostic: Let a track change its class.
            camera_motion: Compensate camera motion from the frames (needs frames).
            panorama: 360 degree image whose left and right border touch.
            panorama_width: Width of the panorama in pixels, 0 = that of the frames; a whole number in [0,
                1e+06].
            match_cost: Largest cost of a pair in the first association; a number in [0, 1].
            second_match_cost: Largest 1 - IoU of a pair in the second association; a number in [0, 1].
            proximity_cost: Appearance counts only for pairs of at most this 1 - IoU; a number in [0, 1].
            appearance_cost: Appearance counts only up to this half cosine distance; a number in [0, 1].
        """

class HybridSORT(hybridsort.HybridSORT):
    def __init__(
        self,
        *,
        depth: DepthFusion | str | None = None,
        frame_rate: float = 30.0,
        low_score: float = 0.1,
        high_score: float = 0.6,
        new_score: float = 0.6,
        lost_seconds: float = 1.0,
        confirm_frames: int = 3,
        sure_score: float = 1.0,
        boxes: Literal["observed", "filtered", "adaptive"] = "adaptive",
        class_agnostic: bool = True,
        camera_motion: bool = False,
        panorama: bool = False,
        panorama_width: int = 0,
        match_iou: float = 0.15,
        delta_seconds: float = 0.1,
        inertia: float = 0.05,
        byte: bool = True,
        score_weight: float = 1.0,
        low_score_weight: float = 1.0,
    ) -> None:
        """Hybrid-SORT with depth fusion: corners' directions, height-modulated IoU and modelled scores (TCM).

        Args:
            depth: How depth takes part in the association, as a `DepthFusion` or in words (``"kalman"``,
                ``"fixed:gamma=0.2"``); None means adaptive whenever detections carry it.
            frame_rate: Frames per second, used where `update` gets no timestamp.
            low_score: Detections below this are ignored; a number in [0, 1].
            high_score: Detections above this take part in the first association; a number in [0, 1].
            new_score: An unmatched detection starts a track from this score on; a number in [0, 1].
            lost_seconds: How long a track that is not seen is remembered; a number in [0, 3600].
            confirm_frames: Frames in a row, of 30 fps video, that a track is matched before it is
                reported; a whole number in [1, 1000].
            sure_score: A track detected above this score is reported without waiting; a number in [0, 1].
            boxes: Reported box: the detection's, the filter's, or the better by learned box noise; one of
                observed, filtered, adaptive.
            class_agnostic: Let a track change its class.
            camera_motion: Compensate camera motion from the frames (needs frames).
            panorama: 360 degree image whose left and right border touch.
            panorama_width: Width of the panorama in pixels, 0 = that of the frames; a whole number in [0,
                1e+06].
            match_iou: Least height-modulated IoU of a pair; a number in [0, 1].
            delta_seconds: Time over which the direction of motion is measured; a number in [0, 10].
            inertia: Weight of the directions of motion in the first association; a number in [0, 10].
            byte: Also offer the low-score detections to tracks left over.
            score_weight: Weight of the score difference in the first association; a number in [0, 10].
            low_score_weight: Weight of the score difference for low-score detections; a number in [0,
                10].
        """
