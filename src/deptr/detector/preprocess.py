"""`DepTRImageProcessor`: images to tensors and outputs to detections, without torchvision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers.image_processing_base import BatchFeature, ImageProcessingMixin

from deptr.detector.config import DepTRConfig
from deptr.detector.outputs import named_outputs
from deptr.detector.plugin import DepthConfig
from deptr.detector.postprocess import Preprocessing, RawOutput, check_image, to_detections, to_input
from deptr.records import DepthKind

if TYPE_CHECKING:
    import supervision as sv

    from deptr.detector.modeling import DepTROutput


def preprocessing_of(config: DepthConfig) -> Preprocessing:
    """What a model's configuration says about its inputs and depth."""
    names = [config.id2label[index] for index in range(config.num_labels)]
    return Preprocessing(
        config.image_height,
        config.image_width,
        list(config.image_mean),
        list(config.image_std),
        None if config.depth_head == "none" else DepthKind.parse(config.depth_kind),
        names,
        float(config.nms_iou),
        int(getattr(config, "num_queries", 0)),
        [int(stride) for stride in getattr(config, "feat_strides", ())],
        config.image_width / config.image_height,
        bool(getattr(config, "any_aspect", False)),
        float(getattr(config, "start_score", 0.0)),
    )


class DepTRImageProcessor(ImageProcessingMixin):
    """Letterbox, normalise, and the way back.

    Args:
        height: Input height.
        width: Input width.
        image_mean: Per channel, for pixels in [0, 1].
        image_std: Per channel.
    """

    model_input_names = ("pixel_values",)

    def __init__(
        self,
        height: int = 640,
        width: int = 640,
        image_mean: Sequence[float] = (0.0, 0.0, 0.0),
        image_std: Sequence[float] = (1.0, 1.0, 1.0),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.height, self.width = height, width
        self.image_mean, self.image_std = list(image_mean), list(image_std)

    @classmethod
    def from_config(cls, config: DepTRConfig) -> DepTRImageProcessor:
        """The processor that belongs to a model."""
        return cls(config.image_height, config.image_width, config.image_mean, config.image_std)

    def _settings(self) -> Preprocessing:
        return Preprocessing(
            self.height, self.width, self.image_mean, self.image_std, DepthKind.METRIC, ["object"]
        )

    def __call__(self, images: Any, **kwargs: Any) -> BatchFeature:
        """One RGB array or a list of them to ``pixel_values`` ``(B, 3, H, W)``.

        Raises:
            UsageError: An image is no ``(H, W, 3)`` uint8, grey, 16-bit or alpha array.
        """
        listed = [check_image(image) for image in (images if isinstance(images, (list, tuple)) else [images])]
        batch, _ = to_input(listed, self._settings())
        return BatchFeature({"pixel_values": torch.from_numpy(batch)})

    def post_process_object_detection(
        self,
        output: DepTROutput,
        config: DepTRConfig,
        image_sizes: Sequence[tuple[int, int]],
        *,
        min_score: float = 0.5,
        focal_px: float | None = None,
    ) -> list[sv.Detections]:
        """Detections of each image in its own pixels; see `to_detections`.

        Args:
            output: Of the model in evaluation mode.
            config: Of the model.
            image_sizes: Height and width of each image.
            min_score: Detections below are dropped.
            focal_px: Focal length in image pixels, for depth in metres.
        """
        arrays = [value.detach().cpu().numpy() for value in named_outputs(output, config)]
        settings = preprocessing_of(config).at((self.height, self.width))
        return [
            to_detections(
                RawOutput(*(values[index] for values in arrays)),
                min(self.height / size[0], self.width / size[1]),
                size,
                settings,
                min_score=min_score,
                focal_px=focal_px,
            )
            for index, size in enumerate(image_sizes)
        ]
