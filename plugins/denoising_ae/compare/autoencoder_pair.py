"""The two autoencoders of one experiment, to look into: reconstructions, distance from real pictures, neighbours, traversals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from plugins.denoising_ae.compare import figures
from plugins.denoising_ae.compare.data import small
from plugins.denoising_ae.compare.metrics import latents, manifold_distance, noised, reconstructions
from plugins.denoising_ae.compare.task import ARCHITECTURE, DENOISING, PLAIN
from plugins.denoising_ae.models import artifact
from plugins.denoising_ae.models.mlp_autoencoder import PictureAutoencoder
from plugins.denoising_ae.noise.noise_types import NOISES
from training.artifact.safetensors_io import damaged
from training.artifact.store import RECORD, read_record
from training.errors import UserError

SHOWN = 8  # pictures side by side
STEPS = 7  # of a traversal
WIDEST = 2.5  # deviations of a traversal's ends


class AutoencoderPair:
    """Plain and denoising, with the pictures that were kept beside them."""

    def __init__(self, arms: dict[str, PictureAutoencoder], about: dict[str, Any], pictures: dict[str, np.ndarray], studies: list[dict[str, Any]]):  # fmt: skip
        self.arms, self.noise, self.studies = arms, about["noise"], studies
        self.train, self.held_out = pictures["train"], pictures["evaluation"]

    @classmethod
    def load(cls, folder: Path) -> AutoencoderPair:
        """Read an artifact.

        Raises:
            UserError: If a file is missing, damaged, or of another format.
        """
        about = artifact.read_about(folder, ARCHITECTURE)
        record = read_record(folder) if (folder / RECORD).is_file() else {}
        pictures = {name: value.numpy() / np.float32(255) for name, value in artifact.read_tensors(folder, "pictures.safetensors").items()}  # fmt: skip
        try:
            return cls({arm: load_arm(folder, arm) for arm in (PLAIN, DENOISING)}, about, pictures, record.get("studies", []))  # fmt: skip
        except KeyError as error:
            raise damaged(error) from error

    def given(self, file: Path | None, first: int) -> np.ndarray:
        """Eight held-out pictures from one on; or a person's own picture eight times, for eight draws of the noise."""
        if file is not None:
            from training.data.images.decode import decode

            return np.repeat(small(decode(file).flat(), self.train.shape[1])[None], SHOWN, 0)
        places = np.arange(first, first + SHOWN) % len(self.held_out)
        return self.held_out[places]

    def compare(self, file: Path | None, first: int, level: float, seed: int) -> dict[str, Any]:
        """The same noisy pictures through both, as a figure and in numbers.

        Args:
            level: Of the noise trained with; of noises that are no Gaussian in per cent.
        """
        clean = self.given(file, first)
        kind = NOISES[self.noise["name"]]
        asked = level if kind.name == "gaussian" else level / 100
        noisy = noised(clean, kind.name, min(asked, kind.range[1]), seed)
        rows: dict[str, np.ndarray] = {"clean": clean, "noisy": noisy}
        rows |= {arm: reconstructions(model, noisy) for arm, model in self.arms.items()}
        near = {arm: self.train[self._nearest(model, noisy)] for arm, model in self.arms.items()}
        table = [[name, f"{np.square(each - clean).mean():.4f}", f"{manifold_distance(each, self.train).mean():.4f}"] for name, each in rows.items()]  # fmt: skip
        return {
            "figure": figures.side_by_side(rows | {f"nearest, {arm}": pictures for arm, pictures in near.items()}),
            "table": {"headers": ["picture", "squared error", "distance from real pictures"], "data": table},
        }

    def _nearest(self, model: PictureAutoencoder, pictures: np.ndarray) -> np.ndarray:
        """The training picture whose representation is most like, by cosine."""
        known, asked = (each / np.maximum(np.linalg.norm(each, axis=1, keepdims=True), 1e-9) for each in (latents(model, self.train), latents(model, pictures)))  # fmt: skip
        return (asked @ known.T).argmax(1)

    def traverse(self, file: Path | None, first: int, component: int) -> Any:
        """A figure: a picture's representation moved along a principal component, decoded by each."""
        clean = self.given(file, first)[:1]
        rows = {}
        with torch.inference_mode():
            for arm, model in self.arms.items():
                known = latents(model, self.train)
                centred = known - known.mean(0)
                _, scale, axes = np.linalg.svd(centred, full_matrices=False)
                if not 1 <= component <= len(axes):
                    raise UserError(f"Component {component} was given; there are 1 to {len(axes)}.")
                spread = scale[component - 1] / len(known) ** 0.5
                moves = np.linspace(-WIDEST, WIDEST, STEPS)[:, None] * spread * axes[component - 1]
                latent = torch.from_numpy((latents(model, clean) + moves).astype(np.float32))
                rows[f"{arm} ({scale[component - 1] ** 2 / (scale**2).sum():.0%})"] = model.decode(latent).numpy()
        return figures.side_by_side(rows)


def load_arm(folder: Path, arm: str) -> PictureAutoencoder:
    """One of the two networks.

    Raises:
        UserError: If a file is missing or damaged.
    """
    about = artifact.read_about(folder, ARCHITECTURE)
    try:
        model = PictureAutoencoder(**about["network"])
        model.load_state_dict(artifact.read_tensors(folder, f"{arm}.safetensors"))
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise damaged(error) from error
    return model.eval()
