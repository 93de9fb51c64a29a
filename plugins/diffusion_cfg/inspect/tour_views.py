"""The landscape of the score as a picture, for a page without Gradio."""

from __future__ import annotations

from plugins.diffusion_cfg.inspect.views import landscape_view
from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from training.data_url import as_url, figure_png, image_png


def landscape_pictures(model: LoadedPipeline, request: GenerationRequest, other: str) -> dict[str, str]:
    """Data URLs: landscape, the maps between the images of two captions; score, the way down on the picture."""
    figure, strip = landscape_view(model, request, other)
    return {"landscape": as_url(figure_png(figure, dpi=130)), "score": as_url(image_png(strip))}
