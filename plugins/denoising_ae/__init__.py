"""Denoising autoencoders (LeCun, 1987; Vincent et al., 2008): reconstruct clean images and tables from corrupted ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins._contract import Plugin, Trainer
from plugins.denoising_ae import cards, endpoints
from plugins.denoising_ae.compare.settings import CompareSettings
from plugins.denoising_ae.images.settings import ImagesSettings
from plugins.denoising_ae.tables.settings import TablesSettings
from training.errors import UserError
from training.fit.experiment import Experiment
from training.preflight.sheet import Finding, Sheet
from training.task import Task


def check_images(settings: ImagesSettings) -> Sheet:
    """Read the data and report on them."""
    from plugins.denoising_ae.images.data import read

    return _sheet(read, settings)


def build_images(settings: ImagesSettings) -> Task:
    """The task of `images`."""
    from plugins.denoising_ae.images.data import read
    from plugins.denoising_ae.images.task import build

    data = read(settings)
    data.sheet.raise_if_blocked()
    return build(data, settings)


def check_tables(settings: TablesSettings) -> Sheet:
    """Read the data and report on them."""
    from plugins.denoising_ae.tables.data import read

    return _sheet(read, settings)


def build_tables(settings: TablesSettings) -> Task:
    """The task of `tables`."""
    from plugins.denoising_ae.tables.data import read
    from plugins.denoising_ae.tables.task import build

    data = read(settings)
    data.sheet.raise_if_blocked()
    return build(data, settings)


def check_compare(settings: CompareSettings) -> Sheet:
    """Read the data and report on them."""
    from plugins.denoising_ae.compare.data import read

    return _sheet(read, settings)


def build_compare(settings: CompareSettings) -> Experiment:
    """The task of `compare`."""
    from plugins.denoising_ae.compare.data import read
    from plugins.denoising_ae.compare.experiment import build

    data = read(settings)
    data.sheet.raise_if_blocked()
    return build(data, settings)


def _sheet(read: Any, settings: Any) -> Sheet:
    try:
        return read(settings).sheet
    except UserError as error:
        return Sheet((Finding("red", "The data cannot be used", str(error)),))


def load(folder: Path) -> Any:
    """An artifact as an `ImageDenoiser`, a `TableImputer` or an `AutoencoderPair`."""
    from plugins.denoising_ae.recognise import load_as_made

    return load_as_made(folder)


def tab(workbench: Any) -> None:
    """Render "Try" and "Look inside"."""
    from plugins.denoising_ae.ui.tab import render

    render(workbench)


SHIPPED = {name: Path(__file__).parent / "starter" / name for name in ("natural", "adult", "fashion")}
STARTERS = {name: folder for name, folder in SHIPPED.items() if (folder / "config.json").is_file()}
ANSWERS = {"denoise_table": "adult", "comparison": "fashion"}  # endpoint -> the starter that answers it
PLUGIN = Plugin(
    name="denoising_ae",
    title="Denoising",
    summary="Denoising autoencoders: remove noise from images, impute missing and implausible cells of tables.",
    trainers=(
        Trainer(
            "images",
            "Denoise images",
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
            "Plain vs. denoising autoencoder",
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
    architectures=("DenoisingCNN", "TableDenoiser", "AutoencoderPair"),
    starters=STARTERS,
    starter_for={endpoint: name for endpoint, name in ANSWERS.items() if name in STARTERS},
    tab=tab,
)
