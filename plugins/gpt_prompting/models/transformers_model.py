"""TransformersModel: a causal language model of transformers, loaded from a local folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from plugins.gpt_prompting.models import detokenizer, loading, prefix_tree_scoring
from plugins.gpt_prompting.models.fused_gelu import use_fused_gelu
from plugins.gpt_prompting.models.interface import (
    AnswerStream,
    LanguageModel,
    Message,
    Sampling,
    Token,
    replace_surrogates,
)
from plugins.gpt_prompting.models.plain_chat_template import TRANSCRIPT, TURN_ENDS, plain_transcript
from plugins.gpt_prompting.models.sampling import sample_tokens
from plugins.gpt_prompting.models.word_vectors import WordVectors
from training.errors import UserError
from training.nn.load_pretrained import max_positions

MAX_CONTEXT_TOKENS = 131_072
GPU_PACK_TOKENS = 2048  # per pass; a GPU is not yet busy with the 256 that suit a CPU


class TransformersModel(LanguageModel):
    """Tokenizer and network; no method changes a parameter."""

    has_embeddings = True

    def __init__(self, tokenizer: Any, model: Any, name: str = "", word_vectors: WordVectors | None = None):
        self.tokenizer, self.model, self.name = tokenizer, use_fused_gelu(model.eval()), name
        self.word_vectors = word_vectors
        self.decoder = detokenizer.TokenDecoder(tokenizer)
        self.start_token = loading.start_token(tokenizer)
        self.context = min(max_positions(model), MAX_CONTEXT_TOKENS)
        self.has_template = bool(getattr(tokenizer, "chat_template", None))

    @classmethod
    def load(cls, folder: Path) -> TransformersModel:
        """Load an artifact, or any folder with a causal language model, onto the GPU if there is one.

        Raises:
            UserError: If the folder holds none.
        """
        tokenizer, model = loading.load(folder)
        return cls(tokenizer, model, folder.name, WordVectors.load(folder))

    # -- text and tokens -----------------------------------------------------------------------------------------------

    def tokens(self, text: str) -> list[str]:
        return detokenizer.tokenize_with_text(self.tokenizer, replace_surrogates(text))[1]

    def count(self, text: str) -> int:
        return len(self.tokenizer(replace_surrogates(text), verbose=False)["input_ids"])

    def encode(self, text: str) -> list[int]:
        """Encode a text; an empty one becomes the start token."""
        return self.tokenizer(replace_surrogates(text), verbose=False)["input_ids"] or [self.start_token]

    def _check(self, ids: Sequence[int], more: int, what: str) -> None:
        if len(ids) + more > self.context:
            raise UserError(
                f"{what} has {len(ids):,} tokens and {more:,} more were asked for; the context is {self.context:,} "
                "tokens: shorten it, or ask for less."
            )

    # -- generation ----------------------------------------------------------------------------------------------------

    def stream(self, prompt: str, sampling: Sampling) -> AnswerStream:
        if not prompt:
            raise UserError("The prompt is empty: write something to continue.")
        return self._stream(self.encode(prompt), sampling, "The prompt")

    def stream_chat(self, messages: Sequence[Message], sampling: Sampling) -> AnswerStream:
        ids, stop = self._dialogue(messages)
        return self._stream(ids, replace(sampling, stop=(*sampling.stop, *stop)), "The dialogue")

    def count_chat(self, messages: Sequence[Message]) -> int:
        return len(self._dialogue(messages)[0])

    def _dialogue(self, messages: Sequence[Message]) -> tuple[list[int], tuple[str, ...]]:
        """Ids and stop strings, by the model's own chat template where it has one, else by the plain transcript."""
        clean = [{**message, "content": replace_surrogates(message["content"])} for message in messages]
        if not self.has_template:
            return self.encode(plain_transcript(clean)), TURN_ENDS
        stop = TURN_ENDS if self.tokenizer.chat_template == TRANSCRIPT else ()
        try:
            text = self.tokenizer.apply_chat_template(clean, tokenize=False, add_generation_prompt=True)
        except Exception as error:  # a template is a program out of the model's repository
            raise UserError(f"The model's chat template refuses this dialogue: {str(error)[:200]}") from None
        return self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"] or [self.start_token], stop

    def _stream(self, ids: list[int], sampling: Sampling, what: str) -> AnswerStream:
        room = self.context - len(ids)
        if room < 1:
            self._check(ids, 1, what)
        if room < sampling.new_tokens:
            sampling = replace(sampling, new_tokens=room)
        yield from sample_tokens(self.model, self.tokenizer, ids, sampling)

    # -- probabilities -------------------------------------------------------------------------------------------------

    def next_token(self, prompt: str, shown: int) -> list[tuple[str, float]]:
        ids = self.encode(prompt)[-self.context :]
        with torch.inference_mode():
            logits = self.model(input_ids=self.tensor(ids), use_cache=False).logits[0, -1].float()
        best = logits.softmax(-1).topk(min(shown, len(logits)))
        return [(self.decoder(token), value) for value, token in zip(*map(torch.Tensor.tolist, best), strict=True)]

    def score_tokens(self, text: str, shown: int) -> list[Token]:
        """Score every token; a text longer than the context is read in windows that overlap by half, so that each token
        has at least half a context before it."""
        ids, texts = detokenizer.tokenize_with_text(self.tokenizer, replace_surrogates(text))
        if not ids:
            raise UserError("The text is empty: write something to score.")
        has_start = ids[0] in self.tokenizer.all_special_ids
        sequence = ids if has_start else [self.start_token, *ids]
        scores: list[tuple[float | None, list[tuple[str, float]]]] = [(None, [])] if has_start else []
        scored, stride = 1, max(1, self.context // 2)
        while scored < len(sequence):
            start = 0 if len(sequence) <= self.context else max(0, min(scored - stride, len(sequence) - self.context))
            window = sequence[start : start + self.context]
            scores += self._read_window(window, scored - start, shown)
            scored = start + len(window)
        return [Token(text, value, tuple(others)) for text, (value, others) in zip(texts, scores, strict=True)]

    def _read_window(self, window: list[int], first: int, shown: int) -> list[tuple[float, list[tuple[str, float]]]]:
        with torch.inference_mode():
            logits = self.model(input_ids=self.tensor(window), use_cache=False).logits[0, first - 1 : -1].float()
            probabilities = logits.softmax(-1)  # (tokens, vocabulary)
            targets = torch.tensor(window[first:], device=probabilities.device)
            values = probabilities.gather(1, targets[:, None])[:, 0].tolist()
            best = probabilities.topk(min(shown, probabilities.shape[-1])) if shown else None
        if best is None:
            return [(value, []) for value in values]
        rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        others = [[(self.decoder(token), value) for token, value in zip(*row, strict=True)] for row in rows]
        return list(zip(values, others, strict=True))

    def tensor(self, ids: Sequence[int]) -> torch.Tensor:
        return torch.tensor([list(ids)], device=self.model.device)

    # -- labels --------------------------------------------------------------------------------------------------------

    def score(
        self, contexts: Sequence[str], continuations: Sequence[Sequence[str]]
    ) -> Iterator[tuple[int, list[float]]]:
        """Encoded as EleutherAI's lm-evaluation-harness does: spaces that end a context go to the continuation.

        A context that is too long loses its beginning.
        """
        requests = self._requests(contexts, continuations)
        if not self._supports_trees:
            return prefix_tree_scoring.score_padded(self.model, requests)
        is_gpu = self.model.device.type == "cuda"
        size = GPU_PACK_TOKENS if is_gpu else prefix_tree_scoring.PACK_TOKENS
        return prefix_tree_scoring.score_packed(self.model, requests, size)

    @cached_property
    def _supports_trees(self) -> bool:
        return prefix_tree_scoring.supports_tree_attention(self.model)

    def _requests(
        self, contexts: Sequence[str], continuations: Sequence[Sequence[str]]
    ) -> list[prefix_tree_scoring.ScoringRequest]:
        heads = [replace_surrogates(context).rstrip() for context in contexts]
        tails = [replace_surrogates(context)[len(head) :] for context, head in zip(contexts, heads, strict=True)]
        ids = self.tokenizer(heads, verbose=False)["input_ids"] if heads else []
        cache: dict[tuple[str, str], list[int]] = {}
        requests = []
        for head, tail, context, texts in zip(heads, tails, ids, continuations, strict=True):
            encoded = [self._encode_after(head, context, tail + replace_surrogates(text), cache) for text in texts]
            room = self.context - max(map(len, encoded)) + 1
            requests.append(prefix_tree_scoring.ScoringRequest((context or [self.start_token])[-room:], encoded))
        return requests

    def _encode_after(
        self, head: str, context: list[int], text: str, cache: dict[tuple[str, str], list[int]]
    ) -> list[int]:
        """Ids that a continuation adds to a context: those of both together, after those of the context alone.

        Tokenizing every context with every label would dominate the time. The last line alone usually decides: if the
        context ends in that line's own ids, one lookup serves all rows that end in the same line ("Label:").
        """
        line = head[head.rfind("\n") + 1 :]
        if (line, text) not in cache:
            alone, both = self.tokenizer([line, line + text], add_special_tokens=False, verbose=False)["input_ids"]
            cache[line, text] = both[len(alone) :] if both[: len(alone)] == alone and alone else []
            cache[line, ""] = alone
        alone, added = cache[line, ""], cache[line, text]
        if not added or context[-len(alone) :] != alone:
            added = self.tokenizer(head + text, verbose=False)["input_ids"][len(context) :]
        if not added:
            raise UserError(f"{text[:40]!r} adds no token to the prompt: give the label another word.")
        return added

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return the mean of each text's last hidden states, (texts, width)."""
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> np.ndarray:
        with torch.inference_mode():
            ids = self.tensor(self.encode(text)[: self.context])
            hidden = self.model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        return hidden[0].mean(0).float().cpu().numpy()

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for name, tensor in self.model.state_dict().items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        return digest.hexdigest()
