"""The settings of `pretrain`; cheap to import."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from training.settings import ADVANCED, FILE, TrainSettings


class Size(NamedTuple):
    """Of a network, as GPT-2 counts (Radford et al., 2019, table 2)."""

    layers: int
    heads: int
    width: int
    vocabulary: int
    positions: int

    @property
    def parameters(self) -> int:
        """Weights of GPT-2 of this size; the output layer is the embedding table."""
        layer = 12 * self.width**2 + 13 * self.width
        return (self.vocabulary + self.positions) * self.width + self.layers * layer + 2 * self.width


GPT2_VOCABULARY, GPT2_POSITIONS = 50_257, 1024
SIZES = {
    name: Size(layers, heads, width, GPT2_VOCABULARY, GPT2_POSITIONS)
    for name, layers, heads, width in (
        ("gpt2", 12, 12, 768),
        ("gpt2-medium", 24, 16, 1024),
        ("gpt2-large", 36, 20, 1280),
        ("gpt2-xl", 48, 25, 1600),
    )
}


class PretrainSettings(TrainSettings):
    """Settings of `pretrain`."""

    data: str = Field(
        "",
        description="Plain text (a paragraph a line, a blank line between documents), a table of texts, dialogues (turns, or prompt and response) or labelled tasks (task, text, label): told by the columns.",
        json_schema_extra=FILE,
    )
    dialogue_data: str = Field(
        "",
        description="Dialogues or instructions to mix in: JSONL or Parquet with turns, or with prompt and response. Only answers are learned.",
        json_schema_extra=FILE,
    )
    task_data: str = Field(
        "",
        description="Labelled tasks to mix in (task, text, label), written as few-shot prompts that are drawn anew at every step.",
        json_schema_extra=FILE,
    )
    text_column: str = Field(
        "",
        max_length=200,
        description="Column that holds the texts, where the corpus is a table. Empty: guessed.",
        json_schema_extra=ADVANCED,
    )
    dialogue_share: float = Field(
        0.2, ge=0, le=1, description="Share of the tokens of a mixture that are dialogues.", json_schema_extra=ADVANCED
    )
    task_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the tokens of a mixture that are few-shot prompts.",
        json_schema_extra=ADVANCED,
    )
    max_length: int = Field(
        128,
        ge=8,
        le=8192,
        description="Tokens that the network sees at once: its context, and the length of a training row.",
    )
    separate_documents: bool = Field(
        True,
        description="Documents that share a row do not see each other, and each begins at position 0. Off: they do, as GPT-2 was trained.",
        json_schema_extra=ADVANCED,
    )
    dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of hidden values dropped at each step; worth 0.1 where the text is read many times.",
        json_schema_extra=ADVANCED,
    )
    size: Literal["custom", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"] = Field(
        "custom",
        description="From scratch: gpt2 has 124 M parameters, medium 355 M, large 774 M, xl 1,558 M; custom takes the numbers below.",
    )
    layers: int = Field(4, ge=1, le=96, description="From scratch: Transformer layers.", json_schema_extra=ADVANCED)
    heads: int = Field(4, ge=1, le=96, description="From scratch: attention heads a layer.", json_schema_extra=ADVANCED)
    hidden_size: int = Field(
        128,
        ge=8,
        le=8192,
        description="From scratch: width of the hidden states, a multiple of the heads.",
        json_schema_extra=ADVANCED,
    )
    vocabulary_size: int = Field(
        4000,
        ge=257,
        le=200_000,
        description="From scratch: tokens of the byte-level BPE that is learned from the training texts, at most.",
        json_schema_extra=ADVANCED,
    )
    positions: int = Field(
        0,
        ge=0,
        le=32_768,
        description="From scratch: tokens that the network can place; more than max_length where it is to be trained on longer rows later. 0: max_length.",
        json_schema_extra=ADVANCED,
    )
    copying_heads: bool = Field(
        True,
        description="From scratch: attention begins by gathering the last words and looking for the like of them earlier, so that learning from the prompt begins much sooner.",
        json_schema_extra=ADVANCED,
    )
    lora_rank: int = Field(
        0,
        ge=0,
        le=512,
        description="Continued: rank of LoRA adapters, which train about 1 % of the weights (Hu et al., 2022). 0: train all.",
        json_schema_extra=ADVANCED,
    )
    held_out_tasks: str = Field(
        "",
        max_length=2000,
        description="Tasks of the labelled tasks, by name and comma-separated, that are never trained on: accuracy by examples in the prompt is measured on them. Empty: the held-out rows of all tasks.",
    )
    label_words: Literal["mixed", "own", "random"] = Field(
        "mixed",
        description="Few-shot prompts: the tasks' own labels, random words in their place (which only the examples explain; Min et al., 2022), or half of each.",
        json_schema_extra=ADVANCED,
    )
    most_classes: int = Field(
        6, ge=2, le=50, description="Few-shot prompts: classes of a prompt, at most.", json_schema_extra=ADVANCED
    )
    repeats: float = Field(
        0.1,
        ge=0,
        le=0.9,
        description="Few-shot prompts: share of the examples that repeat an earlier one, whole or in part; many of them make an easy start.",
        json_schema_extra=ADVANCED,
    )
    label_weight: float = Field(
        1.0,
        gt=0,
        le=100,
        description="Few-shot prompts: weight of a label's tokens in the loss, where text has 1.",
        json_schema_extra=ADVANCED,
    )
    text_weight: float = Field(
        0.2,
        ge=0,
        le=10,
        description="Few-shot prompts: weight of the examples' own words in the loss. 0: only labels are learned.",
        json_schema_extra=ADVANCED,
    )
    eval_rows: int = Field(
        128,
        ge=1,
        le=100_000,
        description="Held-out rows of text, of dialogues, and few-shot prompts of each kind that are scored at each evaluation, at most.",
        json_schema_extra=ADVANCED,
    )
    prompts: str = Field(
        "",
        max_length=2000,
        description="Beginnings that are continued while it trains, one a line. Empty: beginnings of held-out texts.",
        json_schema_extra=ADVANCED,
    )
    half_precision: bool = Field(
        False, description="Save the weights as 16-bit numbers: half the size.", json_schema_extra=ADVANCED
    )

    @model_validator(mode="after")
    def _fits(self) -> PretrainSettings:
        if self.hidden_size % self.heads:
            raise ValueError(f"is no multiple of heads: hidden_size {self.hidden_size}, heads {self.heads}")
        if self.dialogue_share + self.task_share > 1:
            raise ValueError(
                f"are more than the whole: dialogue_share {self.dialogue_share} and task_share {self.task_share}"
            )
        if self.lora_rank and not self.model:
            raise ValueError("lora_rank needs a model to adapt: choose one, or set it to 0")
        return self

    def shape(self) -> Size:
        """Of the network that is made from scratch."""
        custom = Size(self.layers, self.heads, self.hidden_size, self.vocabulary_size, self.max_length)
        size = SIZES.get(self.size, custom)
        return size._replace(positions=max(size.positions, self.max_length, self.positions))
