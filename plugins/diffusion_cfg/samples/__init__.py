"""Sample images with captions to train on; README.md says whose they are and how they were cut."""

from pathlib import Path

from plugins._samples import Sample

HERE = Path(__file__).parent

NOTO = Sample(
    "noto",
    "Emoji: animals, dishes, faces",
    "280 pictures of 64 x 64 pixels in one drawing style, with their names as captions.",
    {"data": HERE / "noto.parquet"},
    "Google: Noto Emoji (github.com/googlefonts/noto-emoji); names of the Unicode CLDR",
    "Apache-2.0",
)
BLOB = Sample(
    "blob",
    "Emoji in another style: blobs",
    "280 pictures of 64 x 64 pixels in the round style of the blobs. The starter draws in three styles; adapted, it "
    "draws in this one.",
    {"data": HERE / "blob.parquet"},
    "Blobmoji (github.com/C1710/blobmoji), after Google's; names of the Unicode CLDR",
    "Apache-2.0",
)
DENOISER, AUTOENCODER, LORA = (BLOB, NOTO), (NOTO, BLOB), (BLOB, NOTO)  # the starter draws like NOTO already
