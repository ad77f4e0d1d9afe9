"""The table of families (docs/how-to/adopt-a-detector.md)."""

from __future__ import annotations

from rgbir.export.detectors.family import Family
from rgbir.export.detectors.grids import NanoDetHead, UltralyticsHead, YoloxHead
from rgbir.export.detectors.queries import Labelled, Logits, OpenVino, Ssd
from rgbir.index import Standing

APACHE = "Apache-2.0"
AGPL = "AGPL-3.0"
RAN: Standing = "ran with real weights"
READ: Standing = "read from its documentation"
_AS_IT_IS = (1.0, 1.0, 1.0)
_IMAGENET_MEAN, _IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family("yolox", APACHE, READ, YoloxHead(), order="bgr", divide=_AS_IT_IS, fit="letterbox", nms=0.45),
        Family(
            "nanodet",
            APACHE,
            RAN,
            NanoDetHead((8, 16, 32), bins=11, centred=True),
            order="bgr",
            subtract=_IMAGENET_MEAN[::-1],
            divide=_IMAGENET_STD[::-1],
            fit="letterbox",
            fill=0,
            nms=0.6,
        ),
        Family(
            "nanodet-plus",
            APACHE,
            READ,
            NanoDetHead((8, 16, 32, 64), bins=8, centred=False),
            order="bgr",
            subtract=_IMAGENET_MEAN[::-1],
            divide=_IMAGENET_STD[::-1],
            fit="letterbox",
            fill=0,
            nms=0.6,
        ),
        Family("rtdetr", APACHE, READ, Labelled(), sizes="orig_target_sizes", single=True),
        Family("rtdetr-hf", APACHE, READ, Logits("pred_boxes", "logits")),
        Family(
            "rfdetr",
            APACHE,
            READ,
            Logits("dets", "labels"),
            subtract=_IMAGENET_MEAN,
            divide=_IMAGENET_STD,
            person=1,
        ),
        Family("ssd", APACHE, RAN, Ssd(), layout="nhwc", subtract=None, divide=None, person=1),
        Family("openvino", APACHE, READ, OpenVino(), order="bgr", divide=_AS_IT_IS, person=1, single=True),
        Family("ultralytics", AGPL, READ, UltralyticsHead(), fit="letterbox", nms=0.7),
    )
}
"""By name. `rtdetr` are RT-DETR, RT-DETRv2, D-FINE and DEIM by their authors' exporter, `rtdetr-hf` by Hugging Face's."""
