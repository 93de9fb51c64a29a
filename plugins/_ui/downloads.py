"""What a box shows as files to keep: figures as PNG and SVG, images as PNG, tables as CSV; all in one ZIP."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

Content = Any  # a Figure, PIL image, array of pixels, path of a file, or table {"headers": [...], "data": [[...]]}


def download_button(label: str = "Download (PNG, SVG, data)") -> gr.DownloadButton:
    """A button that appears once there is something to download: see `offer`."""
    return gr.DownloadButton(label, visible=False, size="sm")


def offer(name: str, contents: Mapping[str, Content]) -> gr.DownloadButton:
    """An update of a `download_button`: it downloads the contents, name -> content, as NAME.zip."""
    return gr.DownloadButton(value=str(archive(name, contents)), visible=True)


def archive(name: str, contents: Mapping[str, Content]) -> Path:
    """A ZIP file of contents under their names; what is None is left out."""
    path = Path(tempfile.mkdtemp(prefix="selfsup-")) / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for stem, content in contents.items():
            for ending, data in _files(content):
                file.writestr(f"{stem}{ending}", data)
    return path


def _files(content: Content) -> list[tuple[str, bytes]]:
    """(ending, bytes) of each file that a content becomes."""
    if content is None:
        return []
    if hasattr(content, "savefig"):  # a Figure: matplotlib is not imported at the page's start
        return [(ending, _figure(content, ending[1:])) for ending in (".png", ".svg")]
    if isinstance(content, (str, Path)):
        return [(Path(content).suffix, Path(content).read_bytes())]
    if isinstance(content, Mapping):
        return [(".csv", _table(content))]
    image = content if isinstance(content, Image.Image) else Image.fromarray(np.asarray(content))
    target = io.BytesIO()
    image.save(target, "PNG")
    return [(".png", target.getvalue())]


def _figure(figure: Any, form: str) -> bytes:
    target = io.BytesIO()
    figure.savefig(target, format=form)
    return target.getvalue()


def _table(table: Mapping[str, Any]) -> bytes:
    target = io.StringIO()
    csv.writer(target).writerows([table["headers"], *table["data"]])
    return target.getvalue().encode()
