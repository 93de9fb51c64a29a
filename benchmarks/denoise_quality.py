"""PSNR and SSIM of weights beside BM3D, non-local means, wavelets and total variation on the same noisy images.

python -m benchmarks.denoise_quality --weights FOLDER --data bsd68_val.parquet
The peers need `scikit-image` and `bm3d` (benchmarks/requirements.txt); a missing one is left out with a message.
Noise of standard deviation sigma/255 is added to the clean image in [0, 1] and not clipped; its seed is the image's
number. Results are clipped. Every peer is given sigma; the weights are evaluated blind (as in use, conditioned on an
estimate made from the image alone) and given sigma. Published for all of BSD68 at 15/25/50: BM3D 31.07/28.57/25.62,
DnCNN-S 31.73/29.23/26.23, DnCNN-B (blind) 31.61/29.16/26.23, DRUNet 31.91/29.48/26.59 (Zhang et al., 2017, 2021); here
it is every second image.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from plugins.denoising_ae.images.inference.image_denoiser import ImageDenoiser
from plugins.denoising_ae.images.inference.progress import run_to_end
from plugins.denoising_ae.images.inference.tiling import denoise_tiled
from plugins.denoising_ae.noise.corruptions import corrupt
from plugins.denoising_ae.noise.level_estimation import estimate_noise
from training.data.images.read import read_images

Method = Callable[[np.ndarray, float], np.ndarray]  # (height, width) noisy, sigma in units of 1 -> clean


def main() -> None:
    """Print a table per level: method, PSNR, SSIM, seconds per image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--levels", type=float, nargs="+", default=[15, 25, 50])
    parser.add_argument("--images", type=int, default=10_000)
    options = parser.parse_args()
    images = read_images(options.data).as_channels(1)
    clean = [images[row][..., 0].astype(np.float32) / 255 for row in range(min(len(images), options.images))]
    methods = {**(ours(options.weights) if options.weights else {}), **peers()}
    for level in options.levels:
        noisy = [corrupt(one[..., None], "gaussian", level, row)[..., 0] for row, one in enumerate(clean)]
        print(f"\nsigma {level:g}, {len(clean)} images: method, PSNR, SSIM, seconds per image")
        for name, method in {"noisy": lambda image, _: image, **methods}.items():
            print(f"  {name:<28} {_scored(method, noisy, clean, level / 255)}", flush=True)


def ours(folder: Path) -> dict[str, Method]:
    """The weights: blind, blind with the self-ensemble, and conditioned on sigma."""
    denoiser = ImageDenoiser.load(folder)
    model = denoiser.model

    def blind(noisy: np.ndarray, _: float) -> np.ndarray:
        level = denoiser.level_for(estimate_noise(noisy[..., None]))
        return noisy if level == 0 else denoise_tiled(model, noisy[..., None], level)[..., 0]

    def ensemble(noisy: np.ndarray, _: float) -> np.ndarray:
        level = denoiser.level_for(estimate_noise(noisy[..., None]))
        return run_to_end(denoiser.denoise_self_ensemble(noisy[..., None], level))[..., 0]

    methods: dict[str, Method] = {"ours, blind": blind, "ours, blind, self-ensemble": ensemble}
    if model.config.noise_conditioned:
        methods["ours, given sigma"] = lambda noisy, sigma: denoise_tiled(model, noisy[..., None], 255 * sigma)[..., 0]
    return methods


def peers() -> dict[str, Method]:
    """The installed peers, each given sigma, with the settings that its own documentation gives for that."""
    methods: dict[str, Method] = {}
    if find_spec("bm3d"):
        import bm3d  # type: ignore[import-not-found]

        methods["BM3D"] = lambda noisy, sigma: bm3d.bm3d(noisy, sigma)
    else:
        print("bm3d is not installed: left out.")
    if find_spec("skimage"):
        methods |= _of_skimage()
    else:
        print("scikit-image is not installed: non-local means, wavelets and total variation are left out.")
    return methods


def _of_skimage() -> dict[str, Method]:
    from skimage import restoration  # type: ignore[import-not-found]

    skimage: Any = restoration
    return {
        "non-local means": lambda noisy, sigma: skimage.denoise_nl_means(
            noisy, patch_size=5, patch_distance=6, h=0.8 * sigma, sigma=sigma, fast_mode=True
        ),
        "wavelets (BayesShrink)": lambda noisy, sigma: skimage.denoise_wavelet(
            noisy, sigma=sigma, method="BayesShrink", mode="soft", rescale_sigma=True
        ),
        "total variation (Chambolle)": lambda noisy, sigma: skimage.denoise_tv_chambolle(noisy, weight=1.2 * sigma),
    }


def _scored(method: Method, noisy: list[np.ndarray], clean: list[np.ndarray], sigma: float) -> str:
    import torch

    from plugins.denoising_ae.images.metrics import psnr, ssim

    scores, started = [], time.perf_counter()
    results = [np.asarray(method(one, sigma), np.float32) for one in noisy]
    seconds = (time.perf_counter() - started) / len(noisy)
    for result, truth in zip(results, clean, strict=True):
        pair = torch.from_numpy(np.ascontiguousarray(result))[None], torch.from_numpy(truth)[None]
        scores.append((psnr(*pair), ssim(*pair)))
    means = np.mean(scores, 0)
    return f"{means[0]:6.2f} {means[1]:7.4f} {seconds:8.2f}"


if __name__ == "__main__":
    main()
