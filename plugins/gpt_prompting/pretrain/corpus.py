"""Tokenized corpus: documents end to end, cut into rows of fixed length without padding; every token is trained on once
per epoch."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from plugins.gpt_prompting.models.loading import start_token
from plugins.gpt_prompting.pretrain.texts import PIECE_CHARACTERS, Texts, pieces_of
from training.data.array_files import ArrayWriter, SpooledRows, map_array, smallest_ids
from training.data.corpora import kept, key_of
from training.data.documents import Document
from training.data.progress import report
from training.data.token_ids import one_ahead, token_ids
from training.data.tokenizer_key import tokenizer_key

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

UNLABELLED = -100  # target of a token that is not trained on
VERSION = 1  # of the files; raise it when the same texts give other ones
TOKENIZER_BATCH = 1000  # documents that the tokenizer's threads share
TOKENIZER_CHARACTERS = 1_000_000  # of them together; a token takes 500 bytes meanwhile
WORD_GAP = re.compile(r"(?<=\S) (?=\S)")
MIN_ROW_TOKENS = 2  # in a corpus' last row, which otherwise holds what is left


class Segment(NamedTuple):
    """Tokens that attend to each other and to nothing else.

    Args:
        ids: Inputs, int32, (time,).
        targets: The following token at each position, `UNLABELLED` where it is not trained on, int32, (time,).
        weights: Loss weight of each target, float32, (time,).
    """

    ids: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class TokenCorpus:
    """Documents end to end.

    Args:
        tokens: Inputs, of a type that holds all ids, (tokens,); each document begins with the start-of-text token.
        targets: Following tokens, (tokens,); that of a document's last token is the end-of-text token.
        starts: Where each document begins, and the end, int64, (documents + 1,).
        size_bytes: Of the texts in UTF-8.
    """

    tokens: np.ndarray
    targets: np.ndarray
    starts: np.ndarray
    size_bytes: int

    def __len__(self) -> int:
        return len(self.starts) - 1


def encode_texts(texts: Texts | Sequence[str], tokenizer: PreTrainedTokenizerBase) -> TokenCorpus:
    """Encode whole documents, those on disk once, into files that are mapped; every token is a target."""
    tokens_of = tokenizer_key(tokenizer)
    if isinstance(texts, Texts) and len(texts) and tokens_of:
        return _kept_corpus(texts, tokenizer, key_of(version=VERSION, texts=texts.key, tokenizer=tokens_of))
    start, end = start_token(tokenizer), tokenizer.eos_token_id
    documents = [np.asarray([start, *ids, end], dtype=np.int32) for ids in encode(texts, tokenizer)]
    return _join([(ids[:-1], ids[1:]) for ids in documents], sum(len(text.encode()) for text in texts))


def encode_documents(documents: Iterable[Document], tokenizer: PreTrainedTokenizerBase) -> TokenCorpus:
    """Encode documents of lines that are in memory; every token is a target."""
    pieces = _pieces((pieces_of(iter(lines)) for lines in documents), tokenizer)
    encoded = list(_encoded(pieces, tokenizer, lambda done: None))
    sides = [np.concatenate([each[side] for each in encoded] or [np.zeros(0, np.int32)]) for side in (0, 1)]
    starts = np.concatenate([[0], np.cumsum([len(each.tokens) for each in encoded])[[e.is_last for e in encoded]]])
    return TokenCorpus(sides[0], sides[1], starts.astype(np.int64), sum(each.size_bytes for each in encoded))


class _EncodedPiece(NamedTuple):
    """A part of a document as inputs and following tokens, int32, (time,) each."""

    tokens: np.ndarray
    targets: np.ndarray
    size_bytes: int
    is_last: bool


def _kept_corpus(texts: Texts, tokenizer: PreTrainedTokenizerBase, key: str) -> TokenCorpus:
    def make(folder: Path) -> None:
        kind, size, count = smallest_ids(len(tokenizer)), 0, 0

        def tell(done: int) -> None:
            report("Cutting the texts into tokens", done, texts.characters)

        with (
            ArrayWriter(folder, "tokens", kind) as tokens,
            ArrayWriter(folder, "targets", kind) as targets,
            ArrayWriter(folder, "starts", np.int64) as starts,
        ):
            starts.append(np.zeros(1))
            for piece in _encoded(_pieces(texts.pieces(), tokenizer), tokenizer, tell):
                tokens.append(piece.tokens)
                targets.append(piece.targets)
                size, count = size + piece.size_bytes, count + len(piece.tokens)
                if piece.is_last:
                    starts.append(np.asarray([count]))
        (folder / "size_bytes").write_text(str(size))

    def load(folder: Path) -> TokenCorpus:
        tokens, targets, starts = (map_array(folder, name) for name in ("tokens", "targets", "starts"))
        return TokenCorpus(tokens, targets, starts, int((folder / "size_bytes").read_text()))

    return kept("tokens", key, make, load)


def _encoded(
    pieces: Iterator[tuple[str, bool, bool]], tokenizer: PreTrainedTokenizerBase, tell: Callable[[int], None]
) -> Iterator[_EncodedPiece]:
    """Encode pieces of documents, many at once; `tell` is given the characters that are done."""
    start, end, done = np.asarray([start_token(tokenizer)]), np.asarray([tokenizer.eos_token_id]), 0
    encoded = ((batch, token_ids([each[0] for each in batch], tokenizer)) for batch in _batches(pieces))
    for batch, found in one_ahead(encoded):
        for ids, (piece, is_first, is_last) in zip(found.of_each(), batch, strict=True):
            tokens = np.concatenate([start, ids]) if is_first else ids
            targets = np.concatenate([ids, end]) if is_last else ids
            size = len(piece) if piece.isascii() else len(piece.encode())
            yield _EncodedPiece(tokens.astype(np.int32), targets.astype(np.int32), size, is_last)
            done += len(piece)
        tell(done)


def _pieces(texts: Iterable[Iterator[str]], tokenizer: PreTrainedTokenizerBase) -> Iterator[tuple[str, bool, bool]]:
    """Pieces of each text, and whether each is the first and the last of its text."""
    is_cut = _cuts(tokenizer, ["wood\n", "stone"])
    is_cut_at_words = is_cut and _cuts(tokenizer, ["wood", " stone", " 7"])
    for pieces in texts:
        pieces = _shorter(pieces) if is_cut_at_words else pieces
        last, is_first = next(pieces, ""), True
        if not is_cut:
            last += "".join(pieces)
        for piece in pieces:
            yield last, is_first, False
            last, is_first = piece, False
        yield last, is_first, True


def _cuts(tokenizer: PreTrainedTokenizerBase, parts: list[str]) -> bool:
    """Whether a text has the tokens of these parts; a tokenizer that marks the beginning of a text has others."""
    whole, *each = encode(["".join(parts), *parts], tokenizer)
    return whole == [token for tokens in each for token in tokens]


def _shorter(pieces: Iterable[str]) -> Iterator[str]:
    """Cut the pieces of very long lines before a space between two words, where a byte-level tokenizer cuts as well."""
    for piece in pieces:
        while cut := WORD_GAP.search(piece, PIECE_CHARACTERS):
            yield piece[: cut.start()]
            piece = piece[cut.start() :]
        yield piece


def _batches(pieces: Iterator[tuple[str, bool, bool]]) -> Iterator[list[tuple[str, bool, bool]]]:
    """Pieces that are encoded together, up to `TOKENIZER_BATCH` and about `TOKENIZER_CHARACTERS`."""
    batch: list[tuple[str, bool, bool]] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece[0])
        if size >= TOKENIZER_CHARACTERS or len(batch) == TOKENIZER_BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def encode_dialogues(
    transcripts: Iterable[tuple[str, list[tuple[int, int]]]], tokenizer: PreTrainedTokenizerBase
) -> TokenCorpus:
    """Encode transcripts of which only the answers are targets.

    Args:
        transcripts: Text, and start and end of each answer in it, as `dialogues.render_dialogue` returns them.
    """
    tokens, targets, lengths, size = SpooledRows(np.int32), SpooledRows(np.int32), SpooledRows(np.int64), 0
    lengths.append(np.zeros(1))
    given = iter(transcripts)
    while batch := list(itertools.islice(given, TOKENIZER_BATCH)):
        texts = [text for text, _ in batch]
        encoding = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        for (text, spans), ids, offsets in zip(batch, encoding["input_ids"], encoding["offset_mapping"], strict=True):
            if len(ids) > 1:
                is_answer = _overlaps(np.asarray(offsets, dtype=np.int64), spans)
                tokens.append(np.asarray(ids[:-1]))
                targets.append(np.where(is_answer, ids, UNLABELLED)[1:])
                lengths.append(np.asarray([len(ids) - 1]))
                size += sum(len(text[a:b].encode()) for a, b in spans)
    return TokenCorpus(tokens.array(), targets.array(), np.cumsum(lengths.array()), size)


def _overlaps(offsets: np.ndarray, spans: list[tuple[int, int]]) -> np.ndarray:
    """Which tokens overlap a span, (time,)."""
    overlaps = np.zeros(len(offsets), dtype=bool)
    for start, end in spans:
        overlaps |= (offsets[:, 1] > start) & (offsets[:, 0] < end) & (offsets[:, 1] > offsets[:, 0])
    return overlaps


def encode(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Encode texts without special tokens."""
    starts = range(0, len(texts), TOKENIZER_BATCH)
    batches = [token_ids(list(texts[start : start + TOKENIZER_BATCH]), tokenizer) for start in starts]
    return [ids.tolist() for batch in batches for ids in batch.of_each()]


def _join(documents: list[tuple[np.ndarray, np.ndarray]], size_bytes: int) -> TokenCorpus:
    empty = np.zeros(0, dtype=np.int32)
    tokens, targets = (np.concatenate([document[side] for document in documents] or [empty]) for side in (0, 1))
    starts = np.concatenate([[0], np.cumsum([len(ids) for ids, _ in documents], dtype=np.int64)])
    return TokenCorpus(tokens, targets, starts.astype(np.int64), size_bytes)


class CorpusRows(Sequence[list[Segment]]):
    """The corpus in rows of `size` tokens, each a list of segments.

    Args:
        separate: Whether each document of a row is a segment of its own; otherwise the row is one segment.
    """

    def __init__(self, corpus: TokenCorpus, size: int, separate: bool):
        self.corpus, self.size, self.separate = corpus, size, separate
        whole, rest = divmod(len(corpus.tokens), size)
        self.rows = whole + (rest >= MIN_ROW_TOKENS or (rest > 0 and not whole))

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, row: int) -> list[Segment]:  # type: ignore[override]
        if not 0 <= row < self.rows:
            raise IndexError(row)
        start, end = row * self.size, min((row + 1) * self.size, len(self.corpus.tokens))
        cuts = np.asarray([start, end])
        if self.separate:
            starts = self.corpus.starts[np.searchsorted(self.corpus.starts, start, side="right") :]
            cuts = np.concatenate([[start], starts[: np.searchsorted(starts, end)], [end]])
        return [self._segment(a, b) for a, b in itertools.pairwise(cuts)]

    def _segment(self, start: int, end: int) -> Segment:
        tokens, targets = (side[start:end].astype(np.int32) for side in (self.corpus.tokens, self.corpus.targets))
        return Segment(tokens, targets, np.ones(len(targets), dtype=np.float32))
