"""The endpoints of text-to-image weights. Cheap to import."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

from plugins._endpoints import Endpoints


class TextToImage(Endpoints):
    """Images from prompts, and what happens on the way."""

    @abstractmethod
    def generate(
        self,
        prompt: str,
        negative_prompt: str = "",
        guidance_scale: float = 5.0,
        steps: int = 20,
        sampler: str = "dpm++",
        seed: int = 0,
        n_images: int = 1,
    ) -> list[Path]:
        """Generate images from a prompt.

        Args:
            prompt: What the image should show; a prompt that is longer than the text encoder's limit is refused.
            negative_prompt: What it should not show.
            guidance_scale: Strength of classifier-free guidance, 0 to 50; 1 is the conditional model alone.
            steps: Sampling steps, 1 to 1000.
            sampler: ddpm, ddim, dpm++, unipc, euler or lcm, where the model allows it.
            seed: Seed of the noise; image k has seed + k. The same seed gives the same image, to one of 255 levels
                whatever n_images is.
            n_images: Number of images, 1 to 64.

        Returns:
            PNG files; the generation parameters are in their metadata.
        """

    @abstractmethod
    def vary(
        self,
        image: Path,
        prompt: str,
        strength: float = 0.6,
        negative_prompt: str = "",
        guidance_scale: float = 5.0,
        steps: int = 20,
        sampler: str = "dpm++",
        seed: int = 0,
        n_images: int = 1,
    ) -> list[Path]:
        """Generate images from an initial image and a prompt (image to image; Meng et al., 2022).

        Args:
            image: The initial image; it is cropped to the model's size.
            prompt: What the image should become.
            strength: 0.01 keeps nearly all of the initial image, 1 ignores it.
            negative_prompt: See generate.
            guidance_scale: See generate.
            steps: Sampling steps from pure noise; strength is the share of them that is taken.
            sampler: See generate.
            seed: See generate.
            n_images: See generate.

        Returns:
            PNG files.
        """

    @abstractmethod
    def forward(self, image: Path, timesteps: list[float]) -> list[dict[str, Any]]:
        """Add noise to an image, as in training, and predict the clean image from it.

        Args:
            image: An image; it is cropped to the model's size.
            timesteps: 1 to 64 timesteps, each from 0 (hardly any noise) to 999 (pure noise).

        Returns:
            One record per timestep: timestep, alpha_bar, snr, noisy and predicted (the clean image, as predicted), PNG
            data URLs.
        """

    @abstractmethod
    def reverse(
        self,
        prompt: str,
        negative_prompt: str = "",
        guidance_scale: float = 5.0,
        steps: int = 20,
        sampler: str = "dpm++",
        seed: int = 0,
    ) -> list[dict[str, Any]]:
        """Generate an image and return every sampling step.

        Args:
            prompt: See generate.
            negative_prompt: See generate.
            guidance_scale: See generate.
            steps: Sampling steps, 1 to 200.
            sampler: See generate.
            seed: See generate.

        Returns:
            One record per step: step, timestep, snr, noisy (x_t), noise (predicted) and clean (predicted x_0) as PNG
            data URLs; score_length, and difference (norm of conditional minus unconditional prediction, per
            latent).
        """

    @abstractmethod
    def guidance(self, prompt: str, scales: list[float], seed: int = 0) -> list[dict[str, Any]]:
        """Generate one prompt and seed at several guidance scales.

        Args:
            prompt: See generate.
            scales: 1 to 16 guidance scales, 0 to 50.
            seed: See generate.

        Returns:
            One record per scale: scale, image (PNG data URL), differences (norm per step of conditional minus
            unconditional prediction), saturation (share of the pixels at the ends of their range), contrast
            (deviation of the pixels).
        """
