"""A table of orders with rules between its columns, and settings that learn it in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from plugins.ae_anomaly.fit.settings import FitSettings
from tests.files import write
from training.settings import parse_settings

TINY = {
    "size": "fast",
    "steps": 120,
    "batch_size": 64,
    "latent_size": 4,
    "noise_levels": "0.1, 0.5",
    "knn_reference_rows": 300,
}


def settings(data: Path, **values: Any) -> FitSettings:
    return parse_settings(FitSettings, {"data": str(data), **TINY, **values})


def write_orders(path: Path, rows: int = 500, odd: int = 25, seed: int = 0) -> Path:
    """Orders: the price follows from the weight, the carrier from the country; the odd ones break one of the two."""
    random = np.random.default_rng(seed)
    lines = ["order,weight,price,country,carrier,is_anomaly"]
    for n in range(rows + odd):
        weight, country = random.uniform(1, 9), random.integers(3)
        price, carrier = 3 * weight + random.normal() * 0.1, country
        if n >= rows:
            price, carrier = (price + 9, carrier) if n % 2 else (price, (carrier + 1) % 3)
        lines.append(
            f"N-{n},{weight:.3f},{price:.3f},{('fr', 'de', 'it')[country]},{('gls', 'dhl', 'ups')[carrier]},{int(n >= rows)}"
        )
    return write(path, "\n".join(lines) + "\n")
