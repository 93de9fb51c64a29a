"""Denoising autoencoders (LeCun, 1987; Vincent et al., 2008): reconstruct clean images and tables."""

from pathlib import Path

from plugins._contract import IMAGES, TABLE, Kind, Plugin
from plugins.denoising_ae import samples
from plugins.denoising_ae.compare.card import CARD as COMPARE_CARD
from plugins.denoising_ae.compare.endpoints import CompareAutoencoders
from plugins.denoising_ae.compare.settings import CompareSettings
from plugins.denoising_ae.images.card import CARD as IMAGES_CARD
from plugins.denoising_ae.images.endpoints import DenoiseImages
from plugins.denoising_ae.images.settings import ImagesSettings
from plugins.denoising_ae.tables.card import CARD as TABLES_CARD
from plugins.denoising_ae.tables.endpoints import DenoiseTables
from plugins.denoising_ae.tables.settings import TablesSettings
from plugins.denoising_ae.tools import corrupt

STARTERS = Path(__file__).parent / "starter"

PLUGIN = Plugin(
    name="denoising_ae",
    title="Denoising",
    summary="Denoising autoencoders: remove noise from images, impute missing and implausible cells of tables.",
    kinds=(
        Kind(
            "images",
            "Denoise images",
            module="plugins.denoising_ae.images",
            settings=ImagesSettings,
            endpoints=DenoiseImages,
            architectures=("DenoisingCNN",),
            starters=(STARTERS / "natural",),
            card=IMAGES_CARD,
            samples=samples.IMAGES,
            takes=(IMAGES,),
        ),
        Kind(
            "tables",
            "Denoise tables",
            module="plugins.denoising_ae.tables",
            settings=TablesSettings,
            endpoints=DenoiseTables,
            architectures=("TableDenoiser",),
            starters=(STARTERS / "adult",),
            card=TABLES_CARD,
            samples=samples.TABLES,
            takes=(TABLE,),
        ),
        Kind(
            "compare",
            "Plain vs. denoising autoencoder",
            module="plugins.denoising_ae.compare",
            settings=CompareSettings,
            endpoints=CompareAutoencoders,
            architectures=("AutoencoderPair",),
            starters=(STARTERS / "fashion",),
            card=COMPARE_CARD,
            samples=samples.COMPARE,
        ),
    ),
    tools=(corrupt,),
    tab="plugins.denoising_ae.ui.tab:render",
)
