"""Encoders of the Hub to start from. Sizes are rounded: 4 bytes a parameter, 2 in bf16."""

from __future__ import annotations

from plugins._suggestions import Suggestion

BERT = Suggestion(
    "google-bert/bert-base-uncased",
    110,
    440,
    "apache-2.0",
    "English without capitals: what most published results of fine-tuning compare with.",
)
CASED = Suggestion(
    "google-bert/bert-base-cased",
    108,
    436,
    "apache-2.0",
    "English with capitals, which tell names from other words.",
)
DISTILBERT = Suggestion(
    "distilbert/distilbert-base-uncased",
    66,
    268,
    "apache-2.0",
    "English: nearly as accurate as BERT-base, with half its layers in about half its time.",
)
ROBERTA = Suggestion(
    "FacebookAI/roberta-base",
    125,
    499,
    "mit",
    "English: BERT-base trained longer on more texts, and more accurate on most tasks.",
)
XLM_ROBERTA = Suggestion(
    "FacebookAI/xlm-roberta-base",
    278,
    1120,
    "mit",
    "100 languages, also several in one file.",
)
MINILM = Suggestion(
    "sentence-transformers/all-MiniLM-L6-v2",
    22.7,
    91,
    "apache-2.0",
    "English: small and quick; trained to give similar sentences similar vectors.",
)
T5_SMALL = Suggestion(
    "google-t5/t5-small",
    60.5,
    242,
    "apache-2.0",
    "Translates English into German, French and Romanian; set prefix to its task.",
)

CLASSIFY = (DISTILBERT, BERT, ROBERTA, MINILM, XLM_ROBERTA)
PRETRAIN = (DISTILBERT, BERT, ROBERTA, XLM_ROBERTA)
TAG = (CASED, DISTILBERT, ROBERTA, XLM_ROBERTA)
ANSWER = (DISTILBERT, BERT, ROBERTA, XLM_ROBERTA)
TRANSLATE = (T5_SMALL,)
