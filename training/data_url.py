"""Encode figures and images as PNG bytes, and these as data URLs."""

from __future__ import annotations

import base64
import io
from typing import Any


def figure_png(figure: Any, dpi: int = 110) -> bytes:
    """Encode a matplotlib figure as PNG; the same figure gives the same bytes."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()


def image_png(image: Any) -> bytes:
    """Encode a Pillow image as PNG."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def as_url(image: bytes, kind: str = "png") -> str:
    """Return an encoded image as a data URL."""
    return f"data:image/{kind};base64," + base64.b64encode(image).decode()


def chart_item(png: bytes, caption: str) -> dict[str, Any]:
    """An item of a run's panel: a chart, drawn on white, which a dark page shows on dark."""
    return {"image": as_url(png), "caption": caption, "chart": True}
