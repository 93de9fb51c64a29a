"""Denoising autoencoders (LeCun, 1987; Vincent et al., 2008): noise in, clean out, for pictures and tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins._contract import Plugin, Trainer
from plugins.denoising_ae import cards, endpoints
from plugins.denoising_ae.settings import CompareSettings, ImagesSettings, TablesSettings
from training.fit.experiment import Experiment
from training.preflight.sheet import Sheet
from training.task import Task


def check_images(settings: ImagesSettings) -> Sheet:
    """Read the pictures and report on them."""
    from plugins.denoising_ae.images.data import check

    return check(settings)


def build_images(settings: ImagesSettings) -> Task:
    """The task of `images`."""
    from plugins.denoising_ae.images.task import build

    return build(settings)


def check_tables(settings: TablesSettings) -> Sheet:
    """Read the table and report on it."""
    from plugins.denoising_ae.tables.data import check

    return check(settings)


def build_tables(settings: TablesSettings) -> Task:
    """The task of `tables`."""
    from plugins.denoising_ae.tables.task import build

    return build(settings)


def check_compare(settings: CompareSettings) -> Sheet:
    """Read the pictures and report on them and their labels."""
    from plugins.denoising_ae.compare.data import check

    return check(settings)


def build_compare(settings: CompareSettings) -> Experiment:
    """The experiment of `compare`."""
    from plugins.denoising_ae.compare.experiment import build

    return build(settings)


def load(folder: Path) -> Any:
    """An artifact as a `Cleaner` of pictures, a `Restorer` of tables or an `AutoencoderPair`."""
    from plugins.denoising_ae.recognise import load_as_made

    return load_as_made(folder)


def tab(workbench: Any) -> None:
    """Draw "Try" and "Look inside"."""
    from plugins.denoising_ae.ui.tab import draw

    draw(workbench)


SHIPPED = {name: Path(__file__).parent / "starter" / name for name in ("natural", "adult", "fashion")}
STARTERS = {name: folder for name, folder in SHIPPED.items() if (folder / "config.json").is_file()}
ANSWERS = {"denoise_table": "adult", "comparison": "fashion"}  # endpoint -> the starter that answers it
PLUGIN = Plugin(
    name="denoising_ae",
    title="Denoising",
    summary="Noise in, clean out: networks that learn what matters by taking the noise out of pictures and tables.",
    trainers=(
        Trainer(
            "images",
            "Denoise pictures",
            ImagesSettings,
            build_images,
            check_images,
            preload=("plugins.denoising_ae.images.task", "PIL.Image"),
            card=cards.IMAGES,
        ),
        Trainer(
            "tables",
            "Denoise tables",
            TablesSettings,
            build_tables,
            check_tables,
            preload=("plugins.denoising_ae.tables.task",),
            card=cards.TABLES,
        ),
        Trainer(
            "compare",
            "Plain against denoising",
            CompareSettings,
            build_compare,
            check_compare,
            preload=("plugins.denoising_ae.compare.experiment",),
            card=cards.COMPARE,
        ),
    ),
    load=load,
    endpoints=(endpoints.denoise, endpoints.encode, endpoints.denoise_table, endpoints.comparison),
    tools=(endpoints.corrupt,),
    card=cards.IMAGES,
    architectures=("Denoiser", "TableDenoiser", "AutoencoderPair"),
    starters=STARTERS,
    starter_for={endpoint: name for endpoint, name in ANSWERS.items() if name in STARTERS},
    tab=tab,
)
