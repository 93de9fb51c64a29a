"""Settings of `pretrain`."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from training.settings import (
    ADVANCED,
    FILE,
    HalfPrecision,
    LargeNetwork,
    Lora,
    StartingWeights,
    StreamedText,
    TrainSettings,
)


class Size(NamedTuple):
    """Dimensions of a GPT-2 (Radford et al., 2019, table 2)."""

    layers: int
    heads: int
    width: int
    vocabulary: int
    positions: int

    @property
    def parameters(self) -> int:
        """Number of parameters; the output layer shares the embedding table."""
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


class PretrainSettings(
    TrainSettings,
    StreamedText,
    StartingWeights,
    HalfPrecision,
    Lora,
    LargeNetwork,
    descriptions={
        "lora_rank": "Rank of LoRA adapters on a pre-trained model, which train about 1 % of the weights (Hu et al., "
        "2022). 0: all weights are trained."
    },
):
    """Settings of `pretrain`."""

    data: str = Field(  # not required: dialogues or tasks may be all there is
        "",
        description="Plain text (documents separated by lines <|endoftext|>), a table of texts, dialogues (turns, or "
        "prompt and response) or labelled tasks (task, text, label); recognised by the columns.",
        json_schema_extra=FILE,
    )
    dialogue_data: str = Field(
        "",
        description="Dialogues or instructions to mix in: JSONL or Parquet with turns, or with prompt and response. "
        "The loss is computed on answers only.",
        json_schema_extra=FILE,
    )
    task_data: str = Field(
        "",
        description="Labelled tasks to mix in (task, text, label), written as few-shot prompts that are sampled anew "
        "at every step.",
        json_schema_extra=FILE,
    )
    dialogue_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of dialogues in the tokens of a mixture, 0 to 1.",
        json_schema_extra=ADVANCED,
    )
    task_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of few-shot prompts in the tokens of a mixture, 0 to 1.",
        json_schema_extra=ADVANCED,
    )
    max_length: int = Field(
        128,
        ge=8,
        le=8192,
        description="Tokens of a training row, and the context length of a new network.",
    )
    separate_documents: bool = Field(
        True,
        description="Intra-document attention masking: documents that share a row do not attend to each other, and "
        "each starts at position 0. Off: they attend across, as GPT-2 was trained.",
        json_schema_extra=ADVANCED,
    )
    dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Dropout probability of hidden values; 0.1 helps when the text is read many times.",
        json_schema_extra=ADVANCED,
    )
    size: Literal["custom", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"] = Field(
        "custom",
        description="From scratch: gpt2 has 124 M parameters, medium 355 M, large 774 M, xl 1,558 M; custom uses "
        "layers, heads, hidden_size and vocabulary_size.",
    )
    layers: int = Field(4, ge=1, le=96, description="From scratch: Transformer layers.", json_schema_extra=ADVANCED)
    heads: int = Field(
        4, ge=1, le=96, description="From scratch: attention heads per layer.", json_schema_extra=ADVANCED
    )
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
        description="From scratch: maximum size of the byte-level BPE vocabulary that is trained on the texts.",
        json_schema_extra=ADVANCED,
    )
    positions: int = Field(
        0,
        ge=0,
        le=32_768,
        description="From scratch: number of position embeddings; more than max_length if it is to be trained on "
        "longer rows later. 0: max_length.",
        json_schema_extra=ADVANCED,
    )
    induction_head_init: bool = Field(
        True,
        description="From scratch: initialise attention as previous-token and induction heads (Olsson et al., 2022), "
        "so that in-context learning starts much sooner.",
        json_schema_extra=ADVANCED,
    )
    held_out_tasks: str = Field(
        "",
        max_length=2000,
        description="Names of tasks, comma-separated, that are not trained on: few-shot accuracy is evaluated on "
        "them. Empty: on held-out rows of all tasks.",
    )
    label_words: Literal["mixed", "own", "random"] = Field(
        "mixed",
        description="Few-shot prompts: the tasks' own labels, random words in their place (symbol tuning: Wei et "
        "al., 2023), or half of each.",
        json_schema_extra=ADVANCED,
    )
    max_classes: int = Field(
        6,
        ge=2,
        le=50,
        description="Few-shot prompts: maximum number of classes per prompt.",
        json_schema_extra=ADVANCED,
    )
    repeat_probability: float = Field(
        0.1,
        ge=0,
        le=0.9,
        description="Few-shot prompts: probability that an example repeats an earlier one, whole or in part; a high "
        "value makes the first steps easier.",
        json_schema_extra=ADVANCED,
    )
    label_loss_weight: float = Field(
        1.0,
        gt=0,
        le=100,
        description="Few-shot prompts: loss weight of the labels' tokens; tokens of plain text have 1.",
        json_schema_extra=ADVANCED,
    )
    text_loss_weight: float = Field(
        0.2,
        ge=0,
        le=10,
        description="Few-shot prompts: loss weight of the examples' texts. 0: only labels are trained on.",
        json_schema_extra=ADVANCED,
    )
    eval_rows: int = Field(
        128,
        ge=1,
        le=100_000,
        description="Maximum rows of an evaluation: of held-out text, of dialogues, and of few-shot queries, each.",
        json_schema_extra=ADVANCED,
    )
    word_vectors: bool = Field(
        False,
        description="Also save vectors of words, from their co-occurrence in the training texts and from the labels of "
        "tasks (4 MB): calibrate examples compares texts and labels by them.",
        json_schema_extra=ADVANCED,
    )
    preview_prompts: str = Field(
        "",
        max_length=2000,
        description="Prompts that are continued while the model trains, one per line. Empty: beginnings of held-out "
        "texts.",
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="after")
    def _check_combinations(self) -> PretrainSettings:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} must be a multiple of heads {self.heads}")
        if self.dialogue_share + self.task_share > 1:
            raise ValueError(
                f"dialogue_share {self.dialogue_share} and task_share {self.task_share} must not sum to more than 1"
            )
        if self.streaming and (self.dialogue_data or self.task_data):
            raise ValueError("streaming reads texts alone: leave dialogue_data and task_data empty, or turn it off")
        if self.lora_rank and not self.model:
            raise ValueError("lora_rank adapts a pre-trained model: choose a model, or set lora_rank to 0")
        return self

    def shape(self) -> Size:
        """Dimensions of the network that is created from scratch."""
        custom = Size(self.layers, self.heads, self.hidden_size, self.vocabulary_size, self.max_length)
        size = SIZES.get(self.size, custom)
        return size._replace(positions=max(size.positions, self.max_length, self.positions))
