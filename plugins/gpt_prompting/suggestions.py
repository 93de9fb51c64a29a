"""Language models of the Hub to start from or to prompt. Sizes are rounded: 4 bytes a parameter, 2 in bf16."""

from __future__ import annotations

from plugins._suggestions import Suggestion

DISTILGPT2 = Suggestion(
    "distilbert/distilgpt2", 82, 353, "apache-2.0", "English: half the layers of GPT-2, for a quick first run."
)
GPT2 = Suggestion(
    "openai-community/gpt2", 124, 548, "mit", "English web pages: the smallest GPT-2, which writes fluent sentences."
)
SMOLLM2 = Suggestion(
    "HuggingFaceTB/SmolLM2-135M", 135, 269, "apache-2.0", "English, of 2024: better than GPT-2 at about its size."
)
SMOLLM2_INSTRUCT = Suggestion(
    "HuggingFaceTB/SmolLM2-135M-Instruct", 135, 269, "apache-2.0", "English: SmolLM2 trained to answer instructions."
)
QWEN = Suggestion(
    "Qwen/Qwen2.5-0.5B", 494, 988, "apache-2.0", "29 languages: the best of these, and the slowest on a CPU."
)

PRETRAIN = (DISTILGPT2, GPT2, SMOLLM2, SMOLLM2_INSTRUCT, QWEN)
SHOTS = (GPT2, SMOLLM2, SMOLLM2_INSTRUCT, QWEN)
