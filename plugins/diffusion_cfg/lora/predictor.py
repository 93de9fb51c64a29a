"""An adapted pipeline: loaded and used like any other, since its adapters are merged."""

from plugins.diffusion_cfg.denoiser.predictor import load as load
