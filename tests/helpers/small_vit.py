"""A small vision transformer with patches of 14 pixels, as DINOv2 has; timm knows it once this file is imported."""

from __future__ import annotations

from typing import Any

from timm.models import register_model
from timm.models.vision_transformer import VisionTransformer

SMALL_VIT = "tu-small_vit_patch14"


@register_model  # type: ignore[untyped-decorator]
def small_vit_patch14(
    pretrained: bool = False, *, num_classes: int = 0, dynamic_img_size: bool = False, **_: Any
) -> VisionTransformer:
    """Builds it, with random weights."""
    vit = VisionTransformer(
        img_size=70,
        patch_size=14,
        embed_dim=64,
        depth=2,
        num_heads=2,
        init_values=1.0,
        num_classes=num_classes,
        dynamic_img_size=dynamic_img_size,
    )
    vit.pretrained_cfg = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    return vit
