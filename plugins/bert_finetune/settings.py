"""The settings of every trainer of the encoder; cheap to import."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from training.settings import ADVANCED, FILE, WEIGHTS, TrainSettings

HEAD_FIRST: bool = Field(
    True,
    description="From pre-trained weights: fit the new head on the frozen vectors before all weights are trained (Kumar et al., 2022); it helps most where labels are few.",
    json_schema_extra=ADVANCED,
)


class NetworkSettings(TrainSettings):
    """Length, dropout, and the size of a network that is made from scratch."""

    max_length: int = Field(
        128, ge=4, le=8192, description="Tokens of a text, or of both texts of a pair together; what is longer is cut."
    )
    dropout: float = Field(
        0.1, ge=0, lt=1, description="Share of hidden values dropped at each step.", json_schema_extra=ADVANCED
    )
    attention_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of attention weights dropped at each step; above 0 a CPU cannot use its fused attention kernel.",
        json_schema_extra=ADVANCED,
    )
    layers: int = Field(
        2,
        ge=1,
        le=48,
        description="From scratch: Transformer layers (BERT-base has 12, BERT-large 24).",
        json_schema_extra=ADVANCED,
    )
    heads: int = Field(4, ge=1, le=64, description="From scratch: attention heads a layer.", json_schema_extra=ADVANCED)
    hidden_size: int = Field(
        128,
        ge=8,
        le=4096,
        description="From scratch: width of the hidden states, a multiple of the heads.",
        json_schema_extra=ADVANCED,
    )
    vocabulary_size: int = Field(
        8000,
        ge=100,
        le=200_000,
        description="From scratch: word pieces learned from the training texts.",
        json_schema_extra=ADVANCED,
    )

    half_precision: bool = Field(
        False, description="Save the weights as 16-bit numbers: half the size.", json_schema_extra=ADVANCED
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> NetworkSettings:
        if self.hidden_size % self.heads:
            raise ValueError(f"is no multiple of heads: hidden_size {self.hidden_size}, heads {self.heads}")
        return self


class ClassifySettings(NetworkSettings):
    """Settings of `classify`."""

    text_column: str = Field(
        "", max_length=200, description="Column that holds the text. Empty: guessed from the names and the content."
    )
    text_pair_column: str = Field(
        "",
        max_length=200,
        description="Column that holds the second text of a pair. Empty: guessed from well-known names, else single texts.",
    )
    label_column: str = Field("", max_length=200, description="Column that holds the label. Empty: guessed.")
    multi_label: bool = Field(False, description="Whether a text may carry several labels at once.")
    label_separator: str = Field(
        "|",
        min_length=1,
        max_length=3,
        description="What stands between the labels of one text when there are several.",
        json_schema_extra=ADVANCED,
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none",
        description="balanced: each class counts the same in the loss, however rare it is.",
        json_schema_extra=ADVANCED,
    )
    drop_leaked: bool = Field(
        True, description="Leave evaluation texts out that also occur in the training file.", json_schema_extra=ADVANCED
    )
    head_first: bool = HEAD_FIRST
    shuffled_words: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the training texts whose words are put in random order each time: with few labels what is said is learned, not each text by heart.",
        json_schema_extra=ADVANCED,
    )
    lora_rank: int = Field(
        0,
        ge=0,
        le=256,
        description="Rank of LoRA adapters, which train about 1 % of the weights (Hu et al., 2022). 0: train all.",
        json_schema_extra=ADVANCED,
    )


class TagSettings(NetworkSettings):
    """Settings of `tag`."""

    data: str = Field(
        "",
        description="CoNLL (a word and its tag a line, a blank line between sentences), or a table: tokens and tags, or text and spans.",
        json_schema_extra=FILE,
    )
    tokens_column: str = Field(
        "",
        max_length=200,
        description="Column of the tokens, a list a row. Empty: guessed.",
        json_schema_extra=ADVANCED,
    )
    tags_column: str = Field(
        "", max_length=200, description="Column of the tags, one a token. Empty: guessed.", json_schema_extra=ADVANCED
    )
    text_column: str = Field(
        "",
        max_length=200,
        description="Column of the texts, where entities are spans. Empty: guessed.",
        json_schema_extra=ADVANCED,
    )
    spans_column: str = Field(
        "",
        max_length=200,
        description="Column of the spans (start, end, label; in characters). Empty: guessed.",
        json_schema_extra=ADVANCED,
    )
    repair_tags: bool = Field(
        True,
        description="Read an I- tag with nothing to continue as B-, and keep the longest of overlapping spans; otherwise such rows stop the run.",
        json_schema_extra=ADVANCED,
    )
    drop_leaked: bool = Field(
        True,
        description="Leave evaluation sentences out that also occur in the training file.",
        json_schema_extra=ADVANCED,
    )
    head_first: bool = HEAD_FIRST


class AnswerSettings(NetworkSettings):
    """Settings of `answer`."""

    data: str = Field(
        "",
        description="Questions: SQuAD JSON (version 1 or 2), or a table with the columns question, context and answer.",
        json_schema_extra=FILE,
    )
    max_length: int = Field(256, ge=16, le=8192, description="Tokens of a question and a part of its context together.")
    stride: int = Field(
        64,
        ge=0,
        le=4096,
        description="Tokens that neighbouring parts of a long context share.",
        json_schema_extra=ADVANCED,
    )
    question_length: int = Field(
        64, ge=4, le=1024, description="Tokens of a question; what is longer is cut.", json_schema_extra=ADVANCED
    )
    answer_length: int = Field(30, ge=1, le=512, description="Tokens of an answer at most.", json_schema_extra=ADVANCED)


class TranslateSettings(NetworkSettings):
    """Settings of `translate`."""

    data: str = Field(
        "",
        description="Pairs of texts: a table with two columns, or the first of two parallel text files, a sentence a line.",
        json_schema_extra=FILE,
    )
    target_data: str = Field(
        "", description="The second parallel file: the translations, line by line.", json_schema_extra=FILE
    )
    eval_target_data: str = Field(
        "",
        description="The translations of eval_data, where that is a text file.",
        json_schema_extra={**FILE, **ADVANCED},
    )
    source_column: str = Field(
        "", max_length=200, description="Column of the texts (or their language). Empty: guessed."
    )
    target_column: str = Field(
        "", max_length=200, description="Column of the translations (or their language). Empty: guessed."
    )
    max_length: int = Field(
        64, ge=4, le=8192, description="Tokens of a text, and of its translation; what is longer is cut."
    )
    decoder_model: str = Field(
        "",
        max_length=300,
        description="What the decoder starts from: a BERT of the target language, with its own vocabulary. Empty: the weights of `model`, or a new decoder.",
        json_schema_extra=WEIGHTS,
    )
    decoder_layers: int = Field(
        2, ge=1, le=48, description="From scratch: layers of the decoder.", json_schema_extra=ADVANCED
    )
    beams: int = Field(4, ge=1, le=16, description="Translations followed at once when held-out texts are translated.")
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="Share of the target that is spread over all words.", json_schema_extra=ADVANCED
    )
    prefix: str = Field(
        "",
        max_length=200,
        description="Put before every text; T5 wants its task there: 'translate English to German: '.",
        json_schema_extra=ADVANCED,
    )
    eval_rows: int = Field(
        200,
        ge=1,
        le=100_000,
        description="Held-out pairs translated at each evaluation, at most.",
        json_schema_extra=ADVANCED,
    )


class LabelEfficiencySettings(ClassifySettings):
    """Settings of `label_efficiency`."""

    own_model: str = Field(
        "",
        max_length=300,
        description="A second start to compare: the run of your own pre-training, or another starter or Hub id.",
        json_schema_extra=WEIGHTS,
    )
    shares: str = Field(
        "1, 5, 10, 50, 100",
        max_length=200,
        description="Shares of the labels to train on, in percent of the training rows.",
    )
    seeds: int = Field(
        3, ge=1, le=20, description="Draws of the labels and of the initial weights, for the confidence intervals."
    )
    steps: int = Field(200, ge=1, le=10_000_000, description="Optimiser steps of every part.")
    learning_rate: float = Field(3e-4, gt=0, le=10, description="Peak learning rate of the pre-trained starts.")
    scratch_learning_rate: float = Field(
        5e-4, gt=0, le=10, description="Peak learning rate from scratch.", json_schema_extra=ADVANCED
    )
    tfidf: bool = Field(
        True,
        description="Also logistic regression on TF-IDF: what no network at all would do.",
        json_schema_extra=ADVANCED,
    )
    eval_rows: int = Field(
        1000, ge=10, le=100_000, description="Held-out rows scored for every part, at most.", json_schema_extra=ADVANCED
    )


SIZES = {"bert-base": (12, 12, 768), "bert-large": (24, 16, 1024)}  # layers, heads, width


class PretrainSettings(NetworkSettings):
    """Settings of `pretrain`."""

    data: str = Field(
        "",
        description="The corpus: a text file (a paragraph a line, a blank line between documents), or a table with a column of texts.",
        json_schema_extra=FILE,
    )
    text_column: str = Field(
        "", max_length=200, description="Column that holds the texts, where the corpus is a table. Empty: guessed."
    )
    next_objective: Literal["nsp", "sop", "none"] = Field(
        "nsp",
        description="Second objective: nsp, does B follow A or come from elsewhere; sop, are A and B in order; none, masked words only.",
    )
    mask_unit: Literal["token", "whole_word", "span"] = Field(
        "token", description="What is masked together: single tokens, whole words, or spans of words."
    )
    size: Literal["custom", "bert-base", "bert-large"] = Field(
        "custom",
        description="From scratch: bert-base is 12 layers, 12 heads, width 768 (110 M parameters), bert-large 24, 16, 1024 (340 M); custom takes the numbers below.",
    )
    mask_share: float = Field(
        0.15, gt=0, le=0.9, description="Share of the tokens to predict.", json_schema_extra=ADVANCED
    )
    neighbour_heads: bool = Field(
        True,
        description="From scratch: some heads begin by looking at neighbouring tokens, so that word order is learned much sooner.",
        json_schema_extra=ADVANCED,
    )
    cooccurrence_start: bool = Field(
        False,
        description="Word embeddings begin as co-occurrence vectors of the corpus, in the place of random ones or of those of model.",
        json_schema_extra=ADVANCED,
    )
    embedding_rate: float = Field(
        1.0,
        ge=0,
        le=10,
        description="Learning rate of the word embeddings, as a multiple of learning_rate. 0: they stay as they begin.",
        json_schema_extra=ADVANCED,
    )
    bag_of_words: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Weight of a third objective: the first token's vector, which a classifier reads, must tell the words of the row (Ma et al., 2024). 0: none.",
        json_schema_extra=ADVANCED,
    )
    mean_of_words: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Weight of a fourth objective: that vector must tell the mean of the word embeddings of the row. 0: none.",
        json_schema_extra=ADVANCED,
    )
    probe_data: str = Field(
        "",
        description="A small table of labelled texts: what a linear probe reads from the frozen vectors is shown while it trains.",
        json_schema_extra={**FILE, **ADVANCED},
    )
    probe_rows: int = Field(
        400, ge=20, le=5000, description="Rows of the probe file that are used.", json_schema_extra=ADVANCED
    )
    eval_rows: int = Field(
        256,
        ge=1,
        le=100_000,
        description="Held-out rows scored at each evaluation, at most.",
        json_schema_extra=ADVANCED,
    )

    def sized(self) -> PretrainSettings:
        """With the layers, heads and width of the chosen size written out."""
        layers, heads, width = SIZES.get(self.size, (self.layers, self.heads, self.hidden_size))
        return self.model_copy(update={"layers": layers, "heads": heads, "hidden_size": width})
