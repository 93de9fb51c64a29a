"""Real noisy/clean pairs: images of one scene in the folders noisy and clean, matched by file name."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

from training.data.images.image_set import ImageSet
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import listed

NOISY, CLEAN = "noisy", "clean"


def match_pairs(images: ImageSet) -> tuple[ImageSet, ImageSet, list[Finding]] | None:
    """The noisy images, the clean ones in the same order, and findings; None where there are no two such folders.

    Raises:
        UserError: If no name is in both, or a name is twice in one; lists them.
    """
    rows: dict[str, dict[str, int]] = {NOISY: {}, CLEAN: {}}  # side -> scene -> row
    counts: Counter[tuple[str, str]] = Counter()
    for row in range(len(images)):
        side, scene = _side_and_scene(images.name(row))
        if side:
            rows[side][scene] = row
            counts[side, scene] += 1
    if not rows[NOISY] and not rows[CLEAN]:
        return None
    _check_unique(counts)
    paired = sorted(rows[NOISY].keys() & rows[CLEAN].keys())
    unpaired = [f"{side}/{scene}" for side, scenes in rows.items() for scene in sorted(scenes.keys() - set(paired))]
    if not paired:
        raise UserError(
            f"No name is both in noisy and in clean: {listed(unpaired)}. Give the two images of a scene the same name."
        )
    findings = [Finding("green", f"{len(paired):,} pairs of a noisy and a clean image, matched by name")]
    if unpaired:
        findings.append(
            Finding("amber", f"{len(unpaired):,} images have no partner and are left out", listed(unpaired))
        )
    noisy, clean = (images.select([rows[side][scene] for scene in paired]) for side in (NOISY, CLEAN))
    return noisy, clean, findings


def _check_unique(counts: Counter[tuple[str, str]]) -> None:
    duplicates = sorted(f"{side}/{scene}" for (side, scene), count in counts.items() if count > 1)
    if duplicates:
        raise UserError(
            f"Several images have one name but for the extension: {listed(duplicates)}. Each scene needs one noisy and "
            "one clean image."
        )


def _side_and_scene(name: str) -> tuple[str, str]:
    """noisy or clean (empty for neither), and the path without that folder and without the extension."""
    path = PurePosixPath(name)
    folders = path.parts[:-1]
    side = next((folder.lower() for folder in folders if folder.lower() in (NOISY, CLEAN)), "")
    return side, str(PurePosixPath(*(folder for folder in folders if folder.lower() != side), path.stem))
