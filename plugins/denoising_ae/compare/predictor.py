"""Trained weights of `compare`: both autoencoders of one experiment, with its images and results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from plugins.denoising_ae.compare.autoencoder_task import ARCHITECTURE, DENOISING, IMAGES, PLAIN
from plugins.denoising_ae.compare.endpoints import CompareAutoencoders
from plugins.denoising_ae.models.artifact import damaged_weights_refused, read_config, read_tensors
from plugins.denoising_ae.models.mlp_autoencoder import MLPAutoencoder
from training.artifact.store import RECORD, read_record
from training.errors import UserError


class AutoencoderPairPredictor(CompareAutoencoders):
    """Both networks by arm, and the images saved beside them.

    Args:
        arms: "plain" and "denoising" -> network.
        noise: {"name": noise type, "level": training level}.
        images: "train" and "evaluation" -> (images, size, size) float32 in [0, 1].
        studies: Results of the experiment, as the artifact's record has them.
    """

    def __init__(
        self,
        arms: dict[str, MLPAutoencoder],
        noise: dict[str, Any],
        images: dict[str, np.ndarray],
        studies: list[dict[str, Any]],
    ):
        self.arms, self.noise, self.studies = arms, noise, studies
        self.train_images, self.eval_images = images["train"], images["evaluation"]

    def comparison(self) -> list[dict[str, Any]]:
        return self.study["records"]

    @property
    def study(self) -> dict[str, Any]:
        """The results of the experiment that trained the pair.

        Raises:
            UserError: If there are none beside the weights.
        """
        if not self.studies:
            raise UserError(
                "No results of an experiment are with these weights. Choose the starter fashion, or a run of compare."
            )
        return self.studies[0]


def load(folder: Path) -> AutoencoderPairPredictor:
    """Read an artifact.

    Raises:
        UserError: If a file is missing, damaged, or of another format.
    """
    config = read_config(folder, ARCHITECTURE)
    record = read_record(folder) if (folder / RECORD).is_file() else {}
    images = {name: value.numpy() / np.float32(255) for name, value in read_tensors(folder, IMAGES).items()}
    arms = {arm: load_arm(folder, arm) for arm in (PLAIN, DENOISING)}
    with damaged_weights_refused():
        return AutoencoderPairPredictor(arms, config["noise"], images, record.get("studies", []))


def load_arm(folder: Path, arm: str) -> MLPAutoencoder:
    """One of the two networks.

    Raises:
        UserError: If a file is missing or damaged.
    """
    config = read_config(folder, ARCHITECTURE)
    with damaged_weights_refused():
        model = MLPAutoencoder(**config["network"])
        model.load_state_dict(read_tensors(folder, f"{arm}.safetensors"))
    return model.eval()
