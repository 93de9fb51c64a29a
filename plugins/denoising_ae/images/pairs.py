"""Real noisy/clean pairs: images of one scene, told apart by their folders or by a word of their names.

The folders noisy and clean are always that; the words that other data sets use are, where at least half of the images
find a partner by them: input and gt, or one folder with a_noisy.png and a_clean.png. Those are told in amber, and
folders are not matched by them where a third one holds the same names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import PurePosixPath

from training.data.images.image_set import ImageSet
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import listed

NOISY, CLEAN = "noisy", "clean"
WORDS = {  # folders, without "images" and signs; words of a name
    NOISY: {"noisy", "noise", "noised", "degraded", "corrupted", "input", "inputs", "lq"},
    CLEAN: {"clean", "gt", "groundtruth", "target", "targets", "reference", "original", "originals", "hq"},
}
Side = Callable[[str], tuple[str, str]]  # name -> noisy, clean or empty, and the scene


def match_pairs(images: ImageSet) -> tuple[ImageSet, ImageSet, list[Finding]] | None:
    """The noisy images, the clean ones in the same order, and findings; None where there are no two such sides.

    Raises:
        UserError: If no name is both in noisy and in clean, or a name is twice in one; lists them.
    """
    names = [images.name(row) for row in range(len(images))]
    if any(_of_folders(name)[0] for name in names):
        return _matched(images, names, _of_folders)
    for side_of, renamed in ((_of_other_folders, "folders"), (_of_file_names, "files")):
        found = [(side, scene) for side, scene in map(side_of, names) if side]
        scenes = Counter(scene for _, scene in set(found))
        paired = {scene for scene, count in scenes.items() if count == 2}
        if 4 * len(paired) < len(names) or len(found) > len({*found}):
            continue
        if paired and not any(_is_in_third_folder(name, paired) for name in names if not side_of(name)[0]):
            return _matched(images, names, side_of, renamed)
    return None


def _is_in_third_folder(name: str, scenes: set[str]) -> bool:
    """Whether a name is that of a scene but for one of its folders."""
    *folders, file = PurePosixPath(name).parts
    stem = PurePosixPath(file).stem
    others = (PurePosixPath(*folders[:place], *folders[place + 1 :], stem) for place in range(len(folders)))
    return any(str(other) in scenes for other in others)


def _matched(
    images: ImageSet, names: list[str], side_of: Side, renamed: str = ""
) -> tuple[ImageSet, ImageSet, list[Finding]]:
    rows: dict[str, dict[str, int]] = {NOISY: {}, CLEAN: {}}  # side -> scene -> row
    counts: Counter[tuple[str, str]] = Counter()
    for row, name in enumerate(names):
        side, scene = side_of(name)
        if side:
            rows[side][scene] = row
            counts[side, scene] += 1
    _check_unique(counts)
    paired = sorted(rows[NOISY].keys() & rows[CLEAN].keys())
    unpaired = [f"{side}/{scene}" for side, scenes in rows.items() for scene in sorted(scenes.keys() - set(paired))]
    if not paired:
        raise UserError(
            f"No name is both in noisy and in clean: {listed(unpaired)}. Give the two images of a scene the same name."
        )
    title = f"{len(paired):,} pairs of a noisy and a clean image, matched by "
    undo = f"If they are none, rename the {renamed}: each image is then trained on as a clean one."
    by_words = Finding("amber", f"{title}words in the names of their {renamed}", undo)
    findings = [by_words if renamed else Finding("green", f"{title}name")]
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


def _of_folders(name: str) -> tuple[str, str]:
    """noisy or clean (empty for neither), and the path without that folder and without the extension."""
    return _of_parts(name, lambda folder: folder.lower() if folder.lower() in WORDS else "")


def _of_other_folders(name: str) -> tuple[str, str]:
    """The same, by the words that other data sets use."""
    return _of_parts(name, _side_of)


def _of_parts(name: str, side_of: Callable[[str], str]) -> tuple[str, str]:
    path = PurePosixPath(name)
    sides = [side_of(folder) for folder in path.parts[:-1]]
    scene = PurePosixPath(*(folder for folder, side in zip(path.parts, sides, strict=False) if not side), path.stem)
    return next(filter(None, sides), ""), str(scene)


def _of_file_names(name: str) -> tuple[str, str]:
    """The side by a word of the file's name, and the path without it: 0001_NOISY_SRGB.PNG and 0001_GT_SRGB.PNG."""
    path = PurePosixPath(name)
    words = re.split(r"[\W_]+", path.stem)
    side = next(filter(None, map(_side_of, words)), "")
    return side, str(path.with_name(" ".join(word for word in words if not _side_of(word)) or "_"))


def _side_of(word: str) -> str:
    plain = re.sub(r"[\W_]|images?$|imgs?$", "", word.lower())
    return next((side for side, words in WORDS.items() if plain in words), "")
