"""Images with captions: the same data as for a denoiser."""

from plugins.diffusion_cfg.denoiser.data import read as read
