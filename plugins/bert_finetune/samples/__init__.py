"""Sample texts to train on; README.md says whose they are and how they were cut."""

from pathlib import Path

from plugins._samples import Sample

HERE = Path(__file__).parent
SNIPS = "Coucke et al., 2018: SNIPS voice commands (github.com/sonos/nlu-benchmark)"

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
        "3,926 sentences of reviews of products and films, labelled positive or negative; 500 more are held out.",
        {"data": HERE / "reviews.csv", "eval_data": HERE / "reviews-eval.csv"},
        "Hu & Liu, 2004, Ding & Liu, 2008 (nltk_data); Kotzias et al., 2015 (UCI)",
        "CC-BY-4.0",
    ),
)

PRETRAIN = (
    Sample(
        "oz",
        "Two novels: the land of Oz",
        "44 chapters of two children's books, 80,000 words. The starter has not read them: it learns that the Tin is "
        "followed by Woodman. A linear probe on reviews shows what the sentence vectors know.",
        {"data": HERE / "oz.txt", "probe_data": HERE / "reviews-eval.csv"},
        "L. Frank Baum: The Wonderful Wizard of Oz (1900), Dorothy and the Wizard in Oz (1908), Project Gutenberg",
        "public domain",
    ),
)

ENCODE = (
    Sample(
        "requests",
        "Requests to an assistant, their labels unread",
        "4,000 short requests. Nothing says which are alike: the report tells how their vectors spread, and not how "
        "good they are.",
        {"data": HERE / "requests.csv"},
        CLASSIFY[0].source,
        CLASSIFY[0].license,
    ),
)

TAG = (
    Sample(
        "commands",
        "Voice commands: artists, cities, dates",
        "2,000 commands to a voice assistant with 39 kinds of entities; 400 more are held out. The starter for "
        "entities was trained on commands of this collection, so that this sample starts from the encoder before it.",
        {"data": HERE / "commands.conll", "eval_data": HERE / "commands-eval.conll"},
        SNIPS,
        "CC0-1.0",
        {"model": "bert-6x192"},
    ),
)

ANSWER = (
    Sample(
        "questions",
        "Questions about voice commands",
        "4,000 questions such as 'Which city?', each with a command that has the answer; 800 more are held out. Short "
        "contexts and few kinds of questions: a small network learns them soon.",
        {"data": HERE / "questions.csv", "eval_data": HERE / "questions-eval.csv"},
        f"{SNIPS}; the questions are made of its slots",
        "CC0-1.0",
        {"model": "bert-6x192", "max_length": 64},
    ),
)

TRANSLATE = (
    Sample(
        "dates",
        "English to German: dates, measures, countries",
        "6,000 pairs of short phrases as the two languages write them: dates, amounts, spans of time, lists of "
        "countries and languages; 500 more are held out. A small network learns order and words in minutes.",
        {"data": HERE / "dates.csv", "eval_data": HERE / "dates-eval.csv"},
        "Unicode Common Locale Data Repository, written with Babel",
        "Unicode-3.0",
    ),
)
