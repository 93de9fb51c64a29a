"""Kind `simclr`: a simple framework for contrastive learning (Chen et al., 2020, arXiv:2002.05709)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfsup_contrastive.data import ImageRows, read
from selfsup_contrastive.encoder import Encoder, EncoderTask, projector
from selfsup_contrastive.predictor import load
from selfsup_contrastive.settings import SimclrSettings
from training.nn.gather_embeddings import gather_embeddings

__all__ = ["build", "load", "read"]


def build(data: ImageRows, settings: SimclrSettings) -> SimclrTask:
    """The task of these images."""
    return SimclrTask(data, settings)


class Simclr(nn.Module):
    """Encoder and projector; two views, (2, rows, 3, size, size), to unit vectors, (2, rows, embedding_size)."""

    def __init__(self, width: int, embedding_size: int):
        super().__init__()
        self.encoder, self.projector = Encoder(width), projector(4 * width, embedding_size)

    def forward(self, views: Tensor) -> Tensor:
        vectors = self.projector(self.encoder(views.flatten(0, 1)))
        return functional.normalize(vectors.float(), dim=1).unflatten(0, views.shape[:2])


class SimclrTask(EncoderTask):
    """Each view must find the other view of its image among all views of the batch."""

    architecture = "SimclrEncoder"
    settings: SimclrSettings

    def make_model(self) -> nn.Module:
        return Simclr(self.settings.width, self.settings.embedding_size)

    def losses(self, model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """NT-Xent (eq. 1), (rows,): the mean over both views. Rows of other processes are candidates too."""
        own = model(batch["views"])  # (2, rows, size)
        rows = own.shape[1]
        first, start = gather_embeddings(own[0])
        second, _ = gather_embeddings(own[1])
        candidates = torch.cat([first, second])  # (2 x all rows, size)
        count, places = len(first), torch.arange(rows, device=own.device) + start
        losses = []
        for view, partner in ((0, count + places), (1, places)):
            logits = own[view] @ candidates.T / self.settings.temperature
            itself = (view * count + places)[:, None]
            logits = logits.scatter(1, itself, float("-inf"))
            losses.append(functional.cross_entropy(logits, partner, reduction="none"))
        return torch.stack(losses).mean(0)
