"""Figures and pictures as PNG bytes, and these as a URL that a page or a card shows without a file."""

from __future__ import annotations

import base64
import io
from typing import Any


def figure_png(figure: Any, dpi: int = 110) -> bytes:
    """A matplotlib figure; the same figure gives the same bytes."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()


def image_png(image: Any) -> bytes:
    """A Pillow image."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def as_url(png: bytes) -> str:
    """PNG bytes as a data URL."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
