"""The fully connected autoencoder that `compare` trains plain and denoising: two layers down, two up."""

from __future__ import annotations

from torch import Tensor, nn


class MLPAutoencoder(nn.Module):
    """Small grey images -> representation -> the same images (Vincent et al., 2008, §2.2, one layer deeper)."""

    def __init__(self, image_size: int, hidden_size: int, latent_size: int):
        super().__init__()
        self.image_size = image_size
        pixels = image_size * image_size
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, hidden_size), nn.ReLU(), nn.Linear(hidden_size, latent_size)
        )
        self.decoder = nn.Sequential(
            nn.ReLU(), nn.Linear(latent_size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, pixels)
        )

    def encode(self, images: Tensor) -> Tensor:
        """(batch, size, size) -> (batch, latent)."""
        return self.encoder(images)

    def decode(self, latent: Tensor) -> Tensor:
        """(batch, latent) -> (batch, size, size), not clipped."""
        return self.decoder(latent).unflatten(1, (self.image_size, self.image_size))

    def forward(self, images: Tensor) -> Tensor:
        return self.decode(self.encode(images))
