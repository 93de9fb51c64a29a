"""Real pairs: a noisy and a clean picture of each scene, in the folders noisy and clean, matched by name."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

from training.data.images.image_set import ImageSet
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import listed

NOISY, CLEAN = "noisy", "clean"


def split_pairs(images: ImageSet) -> tuple[ImageSet, ImageSet, list[Finding]] | None:
    """Noisy pictures, the clean ones in the same order, and what was found; None where there are no two such folders.

    Raises:
        UserError: If not one name is in both, or a name is twice in one; lists them.
    """
    places: dict[str, dict[str, int]] = {NOISY: {}, CLEAN: {}}
    seen: Counter[tuple[str, str]] = Counter()
    for row in range(len(images)):
        side, scene = _side_and_scene(images.name(row))
        if side:
            places[side][scene] = row
            seen[side, scene] += 1
    if not places[NOISY] and not places[CLEAN]:
        return None
    twice = sorted(f"{side}/{scene}" for (side, scene), count in seen.items() if count > 1)
    if twice:
        raise UserError(f"Several pictures have one name but for the ending: {listed(twice)}. Each scene needs one noisy and one clean picture.")  # fmt: skip
    both = sorted(places[NOISY].keys() & places[CLEAN].keys())
    alone = [f"{side}/{scene}" for side, found in places.items() for scene in sorted(found.keys() - set(both))]
    if not both:
        raise UserError(f"No name is both in noisy and in clean: {listed(alone)}. Give the two pictures of a scene the same name.")  # fmt: skip
    found = [Finding("green", f"{len(both):,} pairs of a noisy and a clean picture, matched by name")]
    if alone:
        found.append(Finding("amber", f"{len(alone):,} pictures have no partner and are left out", listed(alone)))
    return (*(images.select([places[side][scene] for scene in both]) for side in (NOISY, CLEAN)), found)  # type: ignore[return-value]


def _side_and_scene(name: str) -> tuple[str, str]:
    """noisy or clean (empty for neither), and the path with neither that folder nor the ending."""
    path = PurePosixPath(name)
    side = next((part.lower() for part in path.parts[:-1] if part.lower() in (NOISY, CLEAN)), "")
    rest = [part for part in path.parts[:-1] if part.lower() != side]
    return side, str(PurePosixPath(*rest, path.stem))
