"""Self-supervised encoders of images: SimCLR, and BYOL with its momentum teacher."""

from plugins._contract import Card, Kind, Plugin
from selfsup_contrastive.settings import ByolSettings, Embed, SimclrSettings

LIMITS = ("The encoder is small and knows only what its training images show.",)
PLUGIN = Plugin(
    name="contrastive",
    title="Contrastive",
    summary="Train an encoder of images without labels: views of one image come together, others apart.",
    kinds=(
        Kind(
            "simclr",
            "Contrast views of images (SimCLR)",
            module="selfsup_contrastive.simclr",
            settings=SimclrSettings,
            endpoints=Embed,
            architectures=("SimclrEncoder",),
            card=Card(
                "image-feature-extraction", "selfsup-studio", paper="Chen et al., 2020, arXiv:2002.05709", limits=LIMITS
            ),
        ),
        Kind(
            "byol",
            "Follow a momentum teacher (BYOL)",
            module="selfsup_contrastive.byol",
            settings=ByolSettings,
            endpoints=Embed,
            architectures=("ByolEncoder",),
            card=Card(
                "image-feature-extraction",
                "selfsup-studio",
                paper="Grill et al., 2020, arXiv:2006.07733",
                limits=LIMITS,
            ),
        ),
    ),
)
