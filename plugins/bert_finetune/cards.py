"""Model cards of the kinds."""

from __future__ import annotations

from dataclasses import replace

from plugins._contract import Card

CLASSIFY = Card(
    "text-classification",
    "transformers",
    paper="Devlin et al., 2019, arXiv:1810.04805",
    tags=("bert",),
    usage="""
from transformers import pipeline

classifier = pipeline("text-classification", model="{repo}", top_k=None)
print(classifier("A film that stays with you."))
""",
    summary="A bidirectional encoder fine-tuned for text classification.",
    limits=("It always predicts one of its labels, also for texts that none of them fits.",),
)
PRETRAIN = replace(
    CLASSIFY,
    pipeline_tag="fill-mask",
    usage="""
from transformers import pipeline

guess = pipeline("fill-mask", model="{repo}")
print(guess(f"The capital of France is {guess.tokenizer.mask_token}."))
""",
    summary="A bidirectional encoder pre-trained on plain text by masked language modelling, to be fine-tuned.",
    limits=("Its predictions repeat what is frequent in its corpus, true or not.",),
)
ENCODE = replace(
    CLASSIFY,
    pipeline_tag="sentence-similarity",
    library_name="sentence-transformers",
    paper="Gao et al., 2021, arXiv:2104.08821",
    tags=("bert", "feature-extraction"),
    usage="""
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("{repo}")
vectors = model.encode(["A man plays a guitar.", "Someone is making music."])
print(model.similarity(vectors, vectors))
""",
    summary="An encoder whose mean token vector stands for a sentence, trained on plain text by SimCSE.",
    limits=("Sentences with the same words and opposite meanings get similar vectors.",),
)
TAG = replace(
    CLASSIFY,
    pipeline_tag="token-classification",
    usage="""
from transformers import pipeline

tagger = pipeline("token-classification", model="{repo}", aggregation_strategy="first")
print(tagger("Marie Curie moved from Warsaw to Paris in 1891 ."))
""",
    summary="A bidirectional encoder fine-tuned for token classification.",
    limits=("Entities unlike those of the training data are missed, or get a wrong label.",),
)
ANSWER = replace(
    CLASSIFY,
    pipeline_tag="question-answering",
    usage="""
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("{repo}")
model = AutoModelForQuestionAnswering.from_pretrained("{repo}")
inputs = tokenizer("Where does the Rhine rise?", "The Rhine rises in the Swiss Alps.", return_tensors="pt")
out = model(**inputs)
start, end = int(out.start_logits.argmax()), int(out.end_logits.argmax())
print(tokenizer.decode(inputs["input_ids"][0, start : end + 1]))
""",
    summary="A bidirectional encoder fine-tuned for extractive question answering.",
    limits=(
        "It can only extract spans of the context: it neither counts nor reasons, and it can be confident and wrong.",
    ),
)
TRANSLATE_TWO_VOCABULARIES = """
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

source = AutoTokenizer.from_pretrained("{repo}")
target = AutoTokenizer.from_pretrained("{repo}", subfolder="target_tokenizer")
model = AutoModelForSeq2SeqLM.from_pretrained("{repo}")
inputs = source("A man is riding a bicycle.", return_tensors="pt", return_token_type_ids=False)
print(target.batch_decode(model.generate(**inputs, num_beams=4, max_length=64), skip_special_tokens=True)[0])
"""  # of models with separate source and target vocabularies
TRANSLATE = replace(
    CLASSIFY,
    pipeline_tag="translation",
    paper="Rothe et al., 2020, arXiv:1907.12461",
    tags=(),
    usage="""
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

tokenizer, model = AutoTokenizer.from_pretrained("{repo}"), AutoModelForSeq2SeqLM.from_pretrained("{repo}")
inputs = tokenizer("A man is riding a bicycle.", return_tensors="pt", return_token_type_ids=False)
print(tokenizer.batch_decode(model.generate(**inputs, num_beams=4, max_length=64), skip_special_tokens=True)[0])
""",
    summary="An encoder-decoder fine-tuned for translation.",
    limits=("It may omit, repeat or invent words, most of all in texts unlike its training data.",),
)
