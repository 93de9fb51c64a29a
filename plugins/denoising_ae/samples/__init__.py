"""Sample images and a table to train on; README.md says whose they are and how they were cut."""

from pathlib import Path

from plugins._samples import Sample

HERE = Path(__file__).parent

IMAGES = (
    Sample(
        "photographs",
        "Small photographs",
        "25 crops of 128 x 128 pixels from ten photographs: a cat, an astronaut, leaves, a pagoda, bricks. Noise is "
        "added while training.",
        {"data": HERE / "photographs.parquet"},
        "scikit-image, SciPy and scikit-learn; each photograph's author is in the samples' README",
        "CC0-1.0, CC-BY-2.0 and public domain",
    ),
)

TABLES = (
    Sample(
        "adult",
        "People of a census",
        "2,500 people: age, education, occupation, hours of work, income, with missing cells. Learn to fill the gaps "
        "and to find implausible cells.",
        {"data": HERE / "adult.csv"},
        "Becker & Kohavi, 1996: Adult, UCI Machine Learning Repository",
        "CC-BY-4.0",
    ),
)

COMPARE = (
    Sample(
        "fashion",
        "Pictures of clothes, ten classes",
        "1,200 grey pictures of 28 x 28 pixels, 120 of each class: which autoencoder's features tell them apart?",
        {"data": HERE / "fashion.parquet"},
        "Xiao, Rasul & Vollgraf, 2017: Fashion-MNIST (github.com/zalandoresearch/fashion-mnist)",
        "MIT",
    ),
)
