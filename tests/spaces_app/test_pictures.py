"""Pictures of visitors are decoded in a process with limits, with the same result, and never in the page's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from plugins._discovery import discover
from spaces_app.page.shell import build
from spaces_app.services import pictures
from spaces_app.services.pictures import PictureDecoder
from spaces_app.services.worker import Worker
from spaces_app.settings import Settings
from training.data.images import decode as decoding
from training.data.images.decode import decode, decode_files_with
from training.errors import UserError
from training.runs.forkserver import WarmProcess


@pytest.fixture
def decoder(warm: WarmProcess) -> Iterator[PictureDecoder]:
    """Files are decoded elsewhere while the test lasts."""
    decoder = PictureDecoder(Worker(warm))
    decode_files_with(decoder)
    yield decoder
    decode_files_with(None)


def write_pictures(folder: Path) -> list[Path]:
    draw = np.random.default_rng(0).integers
    text = PngInfo()
    text.add_text("parameters", "a boot")
    Image.fromarray(draw(0, 255, (9, 7, 4), np.uint8)).save(folder / "alpha.png", pnginfo=text)
    Image.fromarray(draw(0, 2**16, (5, 6)).astype(np.uint16)).save(folder / "deep.png")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = Image.fromarray(draw(0, 255, (8, 5, 3), np.uint8))
    exif = photo.getexif()
    exif[0x0112] = 6
    photo.save(folder / "turned.jpg", icc_profile=profile, exif=exif)
    return sorted(folder.glob("*.*"))


def test_pixels_and_all_that_is_known_of_them_are_the_same(
    decoder: PictureDecoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_pictures(tmp_path)
    here = [decode(path.read_bytes(), path.name) for path in files]
    with monkeypatch.context() as patch:
        patch.setattr(decoding.Image, "open", lambda *_, **__: pytest.fail("It was opened in this process."))
        elsewhere = [decode(path) for path in files]
    for one, other in zip(here, elsewhere, strict=True):
        assert one.pixels.dtype == other.pixels.dtype and np.array_equal(one.pixels, other.pixels)
        alphas = [np.zeros(0) if each.alpha is None else each.alpha for each in (one, other)]
        assert np.array_equal(alphas[0], alphas[1])
        assert (one.notices, one.icc_profile, one.texts) == (other.notices, other.icc_profile, other.texts)
    assert elsewhere[0].texts == {"parameters": "a boot"} and elsewhere[2].pixels.shape == (5, 8, 3)


def test_what_is_no_picture_is_refused_in_the_same_words(decoder: PictureDecoder, tmp_path: Path) -> None:
    for name, content in {"-a.png": b"GIF89a", "b.svg": b"<svg>", "c.png": b""}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError) as elsewhere:
            decode(tmp_path / name)
        with pytest.raises(UserError) as here:
            decode(content, name)
        assert str(elsewhere.value) == str(here.value)


def test_a_picture_that_takes_too_much_hurts_a_process_of_its_own(
    decoder: PictureDecoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (9000, 9000)).save(tmp_path / "large.png")
    monkeypatch.setattr(pictures, "MEMORY_MB", 16)
    with pytest.raises(UserError, match="memory"):
        decode(tmp_path / "large.png")


def test_gradio_itself_decodes_no_picture_that_comes_in() -> None:
    page = build(Settings(), discover("builtin"))
    decoded = (gr.Image, gr.ImageEditor, gr.Gallery, gr.AnnotatedImage, gr.ImageSlider)
    inputs = [component for function in page.fns.values() for component in function.inputs]
    assert [each for each in inputs if isinstance(each, decoded) and getattr(each, "type", "") != "filepath"] == []
