"""Kind `byol`: bootstrap your own latent (Grill et al., 2020, arXiv:2006.07733), with a momentum teacher."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfsup_contrastive.data import ImageRows, read
from selfsup_contrastive.encoder import Encoder, EncoderTask, projector
from selfsup_contrastive.predictor import load
from selfsup_contrastive.settings import ByolSettings

__all__ = ["build", "load", "read"]


def build(data: ImageRows, settings: ByolSettings) -> ByolTask:
    """The task of these images."""
    return ByolTask(data, settings)


class Byol(nn.Module):
    """Student (encoder, projector, predictor), and teacher: a moving average of the first two, without gradient."""

    def __init__(self, width: int, embedding_size: int):
        super().__init__()
        self.encoder, self.projector = Encoder(width), projector(4 * width, embedding_size)
        self.predictor = projector(embedding_size, embedding_size)
        self.teacher = copy.deepcopy(nn.Sequential(self.encoder, self.projector)).requires_grad_(False)

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """Predictions and the teacher's vectors of both views, (2, rows, embedding_size) each."""
        flat = views.flatten(0, 1)
        predicted = self.predictor(self.projector(self.encoder(flat)))
        with torch.no_grad():
            target = self.teacher(flat)
        return predicted.unflatten(0, views.shape[:2]), target.unflatten(0, views.shape[:2])

    @torch.no_grad()
    def move_teacher(self, decay: float) -> None:
        """teacher <- decay * teacher + (1 - decay) * student (eq. 1)."""
        student = [*self.encoder.parameters(), *self.projector.parameters()]
        for kept, new in zip(self.teacher.parameters(), student, strict=True):
            kept.lerp_(new, 1 - decay)


class ByolTask(EncoderTask):
    """The student predicts of one view what the teacher makes of the other. No row is compared with another's."""

    architecture = "ByolEncoder"
    whole_batch = False
    settings: ByolSettings

    def make_model(self) -> nn.Module:
        return Byol(self.settings.width, self.settings.embedding_size)

    def losses(self, model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """2 - 2 cos of prediction and target (eq. 2), (rows,): the mean over both views."""
        predicted, target = model(batch["views"])
        cosines = functional.cosine_similarity(predicted.float(), target.float().flip(0), dim=2)
        return (2 - 2 * cosines).mean(0)

    def after_step(self, model: nn.Module, step: int) -> None:
        """The teacher follows."""
        assert isinstance(model, Byol)
        model.move_teacher(self.settings.teacher_decay)
