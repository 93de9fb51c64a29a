"""Any causal language model of transformers in a folder of this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from plugins.gpt_prompting.models import detokenizer, loading, prefix_tree_scoring
from plugins.gpt_prompting.models.fused_gelu import use_fused_gelu
from plugins.gpt_prompting.models.interface import Answer, LanguageModel, Message, Sampling, Token, replace_surrogates
from plugins.gpt_prompting.models.plain_chat_template import TURN_ENDS, plain_transcript
from plugins.gpt_prompting.models.sampling import sample_tokens
from plugins.gpt_prompting.pretrain.dialogues import TRANSCRIPT
from plugins.gpt_prompting.prompting.prompts import PROMPT_FILE, Prompt, parse_prompt
from training.artifact import store
from training.errors import UserError

MAX_CONTEXT_TOKENS = 131_072
GPU_PACK_TOKENS = 2048


class TransformersModel(LanguageModel):
    """Tokenizer and network, in 32-bit numbers; nothing here changes a weight."""

    def __init__(self, tokenizer: Any, model: Any, name: str = "", record: dict[str, Any] | None = None):
        self.tokenizer, self.model, self.name = tokenizer, use_fused_gelu(model.eval()), name
        self.record = record or {}
        self.speller = detokenizer.TokenDecoder(tokenizer)
        self.prompt: Prompt | None = None  # that was saved with the weights
        self.context = min(loading.max_positions(model), MAX_CONTEXT_TOKENS)
        self.has_template = bool(getattr(tokenizer, "chat_template", None))

    @classmethod
    def load(cls, folder: Path) -> TransformersModel:
        """Read an artifact, or any folder with a causal language model.

        Raises:
            UserError: If it holds none.
        """
        found = loading.load(folder)
        model = found.model.to("cuda") if torch.cuda.is_available() else found.model
        record = store.read_record(folder) if (folder / store.RECORD).is_file() else {}
        loaded = cls(found.tokenizer, model, folder.name, record)
        if (folder / PROMPT_FILE).is_file():
            loaded.prompt = parse_prompt((folder / PROMPT_FILE).read_text(encoding="utf-8"))
        return loaded

    # -- text and tokens -----------------------------------------------------------------------------------------------

    def tokens(self, text: str) -> list[str]:
        return detokenizer.tokenize_with_text(self.tokenizer, replace_surrogates(text))[1]

    def count(self, text: str) -> int:
        return len(self.tokenizer(replace_surrogates(text), verbose=False)["input_ids"])

    def _ids(self, text: str) -> list[int]:
        """At least one: nothing begins with what stands between documents."""
        return self.tokenizer(replace_surrogates(text), verbose=False)["input_ids"] or [self._start]

    @property
    def _start(self) -> int:
        tokenizer = self.tokenizer
        return tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id

    def _check(self, ids: Sequence[int], more: int, what: str) -> None:
        if len(ids) + more > self.context:
            raise UserError(
                f"{what} has {len(ids):,} tokens and {more:,} more were asked for; the model reads {self.context:,}: shorten it, or ask for less."
            )

    # -- generation ----------------------------------------------------------------------------------------------------

    def stream(self, prompt: str, how: Sampling) -> Iterator[list[Answer]]:
        if not prompt:
            raise UserError("The prompt is empty: write something to continue.")
        return self._stream(self._ids(prompt), how, "The prompt")

    def stream_chat(self, messages: Sequence[Message], how: Sampling) -> Iterator[list[Answer]]:
        ids, stop = self._dialogue(messages)
        how = Sampling(**{**vars(how), "stop": (*how.stop, *stop)})
        return self._stream(ids, how, "The dialogue")

    def count_chat(self, messages: Sequence[Message]) -> int:
        return len(self._dialogue(messages)[0])

    def _dialogue(self, messages: Sequence[Message]) -> tuple[list[int], tuple[str, ...]]:
        """Ids, and what ends a turn: the model's own template where it has one, else a plain transcript."""
        clean = [{"role": each["role"], "content": replace_surrogates(each["content"])} for each in messages]
        if not self.has_template:
            text, stop = plain_transcript(clean)
            return self._ids(text), stop
        stop = TURN_ENDS if self.tokenizer.chat_template == TRANSCRIPT else ()
        try:
            text = self.tokenizer.apply_chat_template(clean, tokenize=False, add_generation_prompt=True)
        except Exception as error:  # a template is a program out of the model's repository
            raise UserError(f"The model's chat template refuses this dialogue: {str(error)[:200]}") from None
        return self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"] or [self._start], stop

    def _stream(self, ids: list[int], how: Sampling, what: str) -> Iterator[list[Answer]]:
        room = self.context - len(ids)
        if room < 1:
            self._check(ids, 1, what)
        if room < how.new_tokens:
            how = Sampling(**{**vars(how), "new_tokens": room})
        yield from sample_tokens(self.model, self.tokenizer, ids, how)

    # -- probabilities -------------------------------------------------------------------------------------------------

    def next_token(self, prompt: str, shown: int) -> list[tuple[str, float]]:
        ids = self._ids(prompt)[-self.context :]
        with torch.inference_mode():
            logits = self.model(input_ids=self._tensor(ids), use_cache=False).logits[0, -1].float()
        best = logits.softmax(-1).topk(min(shown, len(logits)))
        return [(self.speller(token), value) for value, token in zip(*map(torch.Tensor.tolist, best), strict=True)]  # fmt: skip

    def read(self, text: str, shown: int) -> list[Token]:
        """Windows overlap by half a context, so that every token but the first has at least that much before it."""
        ids, texts = detokenizer.tokenize_with_text(self.tokenizer, replace_surrogates(text))
        if not ids:
            raise UserError("The text is empty: write something to read.")
        starts_itself = ids[0] in self.tokenizer.all_special_ids
        given = ids if starts_itself else [self._start, *ids]
        found: list[tuple[float | None, list[tuple[str, float]]]] = [(None, [])] if starts_itself else []
        done, step = 1, max(1, self.context // 2)
        while done < len(given):
            start = 0 if len(given) <= self.context else max(0, min(done - step, len(given) - self.context))
            window = given[start : start + self.context]
            found += self._read_window(window, done - start, shown)
            done = start + len(window)
        return [Token(piece, value, tuple(others)) for piece, (value, others) in zip(texts, found, strict=True)]

    def _read_window(self, window: list[int], first: int, shown: int) -> list[tuple[float, list[tuple[str, float]]]]:
        with torch.inference_mode():
            logits = self.model(input_ids=self._tensor(window), use_cache=False).logits[0, first - 1 : -1].float()
            chances = logits.softmax(-1)
            wanted = torch.tensor(window[first:], device=chances.device)
            values = chances.gather(1, wanted[:, None])[:, 0].tolist()
            best = chances.topk(min(shown, chances.shape[-1])) if shown else None
        if best is None:
            return [(value, []) for value in values]
        rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        others = [[(self.speller(token), chance) for token, chance in zip(*row, strict=True)] for row in rows]  # fmt: skip
        return list(zip(values, others, strict=True))

    def _tensor(self, ids: Sequence[int]) -> torch.Tensor:
        return torch.tensor([list(ids)], device=self.model.device)

    # -- labels --------------------------------------------------------------------------------------------------------

    def score(
        self, contexts: Sequence[str], continuations: Sequence[Sequence[str]]
    ) -> Iterator[tuple[int, list[float]]]:
        """As EleutherAI's lm-evaluation-harness encodes them: spaces that end a context go to the continuation.

        A context that is too long loses its beginning.
        """
        return self._scores(self._questions(contexts, continuations))

    def _scores(self, questions: list[prefix_tree_scoring.ScoringRequest]) -> Iterator[tuple[int, list[float]]]:
        if self._takes_trees:
            return prefix_tree_scoring.score_packed(self.model, questions, GPU_PACK_TOKENS if self.model.device.type == "cuda" else prefix_tree_scoring.PACK_TOKENS)  # fmt: skip
        return prefix_tree_scoring.score_padded(self.model, questions)

    @cached_property
    def _takes_trees(self) -> bool:
        return prefix_tree_scoring.supports_tree_attention(self.model)

    def _questions(
        self, contexts: Sequence[str], continuations: Sequence[Sequence[str]]
    ) -> list[prefix_tree_scoring.ScoringRequest]:
        heads = [replace_surrogates(context).rstrip() for context in contexts]
        tails = [replace_surrogates(context)[len(head) :] for context, head in zip(contexts, heads, strict=True)]
        ids = self.tokenizer(heads, verbose=False)["input_ids"] if heads else []
        known: dict[tuple[str, str], list[int]] = {}
        questions = []
        for head, tail, context, wanted in zip(heads, tails, ids, continuations, strict=True):
            rest = [self._rest(head, context, tail + replace_surrogates(each), known) for each in wanted]
            most = self.context - max(map(len, rest)) + 1
            questions.append(prefix_tree_scoring.ScoringRequest((context or [self._start])[-most:], rest))
        return questions

    def _rest(self, head: str, context: list[int], text: str, known: dict[tuple[str, str], list[int]]) -> list[int]:
        """Ids that a continuation adds to a context: those of both together after those of the context alone.

        Where the last line's ids are those of the line alone, they decide, and one look-up serves all rows that end in it.
        """
        line = head[head.rfind("\n") + 1 :]
        if (line, text) not in known:
            alone, both = self.tokenizer([line, line + text], add_special_tokens=False, verbose=False)["input_ids"]
            known[line, text] = both[len(alone) :] if both[: len(alone)] == alone and alone else []
            known[line, ""] = alone
        alone, found = known[line, ""], known[line, text]
        if not found or context[-len(alone) :] != alone:
            found = self.tokenizer(head + text, verbose=False)["input_ids"][len(context) :]
        if not found:
            raise UserError(f"{text[:40]!r} adds no token to the prompt: give the label another word.")
        return found

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """The mean of each text's last hidden states, (texts, width)."""
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> np.ndarray:
        with torch.inference_mode():
            ids = self._tensor(self._ids(text)[: self.context])
            hidden = self.model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        return hidden[0].mean(0).float().cpu().numpy()

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for name, tensor in self.model.state_dict().items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        return digest.hexdigest()
