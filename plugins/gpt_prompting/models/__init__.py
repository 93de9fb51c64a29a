"""Language models behind one interface: networks of transformers on this machine, and hosted models."""

from pathlib import Path

STARTER = Path(__file__).parents[1] / "starter" / "tales"
