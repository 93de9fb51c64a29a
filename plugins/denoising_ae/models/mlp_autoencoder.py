"""The autoencoder that is trained plain and denoising: two layers down, two up, of one size for both."""

from __future__ import annotations

from torch import Tensor, nn


class PictureAutoencoder(nn.Module):
    """Small grey pictures -> representation -> the same pictures (Vincent et al., 2008, §2.2, one layer deeper)."""

    def __init__(self, size: int, hidden_size: int, latent_size: int):
        super().__init__()
        self.size = size
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(size * size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, latent_size)
        )
        self.decoder = nn.Sequential(
            nn.ReLU(), nn.Linear(latent_size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, size * size)
        )

    def encode(self, pictures: Tensor) -> Tensor:
        """(batch, size, size) -> (batch, latent)."""
        return self.encoder(pictures)

    def decode(self, latent: Tensor) -> Tensor:
        """(batch, latent) -> (batch, size, size), not clipped."""
        return self.decoder(latent).unflatten(1, (self.size, self.size))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.decode(self.encode(pictures))
