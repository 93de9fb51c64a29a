"""Sample texts to train on; README.md says whose they are and how they were cut."""

from pathlib import Path

from plugins._samples import Sample

HERE = Path(__file__).parent

CLASSIFY = (
    Sample(
        "requests",
        "Requests to an assistant, ten topics",
        "4,000 short requests, each labelled with its topic: banking, travel, work and seven others; 500 more are held "
        "out. Guessing is right once in ten.",
        {"data": HERE / "requests.csv", "eval_data": HERE / "requests-eval.csv"},
        "Larson et al., 2019: clinc150 (github.com/clinc/oos-eval), ten domains of 150 intents",
        "CC-BY-3.0",
    ),
    Sample(
        "reviews",
        "Sentences of reviews, positive or negative",
        "3,926 sentences of reviews of products and films, labelled positive or negative; 500 more are held out. "
        "Always saying positive is right for 55 % of those.",
        {"data": HERE / "reviews.csv", "eval_data": HERE / "reviews-eval.csv"},
        "Hu & Liu, 2004, Ding & Liu, 2008 (nltk_data); Kotzias et al., 2015 (UCI)",
        "CC-BY-4.0",
    ),
)
