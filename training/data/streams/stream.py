"""Training rows of a stream: lanes of shards, shuffled block by block, whose state is a few numbers.

The rows of a step are found without a random generator's state and without a list of all rows. A number of *lanes*,
fixed at the first start, have shards of their own. Row n of the run is the next row of lane n mod lanes. A lane reads
its shards in an order that is a function of (seed, epoch), cuts what it reads into blocks, of which those of all lanes
have about four million characters, and shuffles the training rows of each block by (seed, lane, block). So the state
of a lane is where its block began and how many of the block's rows are taken: five numbers. To resume, a block is read
and cut again.

`datasets.IterableDataset` loses what is in its shuffle buffer when a state is loaded, and splits by the number of
processes, so that two of them are another run than one. Here process r computes the lanes that are r modulo the number
of processes, and reads no other: one process and several read the same rows at each step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from training.data.documents import Document
from training.data.streams.sources import Shard, fingerprint
from training.data.streams.texts import Part, StreamedTexts
from training.errors import UserError
from training.wording import counted

LANES = 8  # at most, where there are no more processes
MIXED_CHARACTERS = 4_000_000  # of the blocks of all lanes together; they are read again at a resume
MIN_BLOCK_CHARACTERS = 500_000
CHOSEN_TOGETHER = 4096  # sources of a lane's rows

MakeRows = Callable[[list[Document], int], Sequence[Any]]  # training rows of a block's documents, and a seed


class Position(NamedTuple):
    """Where a block begins in the shards of a lane, and how many of its rows are taken.

    Args:
        shard: Place in the order of the epoch.
        blocks: Blocks before this one, which is the number that its shuffle depends on.
    """

    epoch: int = 0
    shard: int = 0
    row: int = 0
    blocks: int = 0
    taken: int = 0


Block = tuple[Sequence[Any], Position]  # its training rows, and where the next one begins


class TextStream:
    """An endless stream of training rows.

    Args:
        make_rows: Makes training rows of the documents of a block. It is called in another thread.
    """

    def __init__(self, texts: StreamedTexts, make_rows: MakeRows, seed: int):
        self.texts, self.make_rows, self.seed = texts, make_rows, seed
        self.rank, self.processes, self.lanes, self.row = 0, 1, lane_count(texts, 1), 0
        self.shares = np.cumsum([source.share for source in texts.sources])
        self.readers: dict[tuple[int, int], _LaneReader] = {}
        self.merged: dict[str, list[list[int]]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._chosen = lru_cache(maxsize=64)(self._choose_sources)

    def start(self, rank: int, processes: int) -> None:
        """Say which process of how many this is, before the first row is taken."""
        self.rank, self.processes, self.lanes = rank, processes, lane_count(self.texts, processes)

    def take(self, count: int) -> list[Any]:
        """Of the next `count` rows of the run those that this process computes.

        Raises:
            UserError: Naming the shard and the row that cannot be read.
        """
        rows = []
        for number in range(self.row, self.row + count):
            lane, turn = number % self.lanes, number // self.lanes
            if lane % self.processes == self.rank:
                source = int(self._chosen(lane, turn // CHOSEN_TOGETHER)[turn % CHOSEN_TOGETHER])
                rows.append(self._reader(source, lane).next_row())
        self.row += count
        return rows

    def first_rows(self, count: int) -> list[Any]:
        """Some rows to try, at most so many; nothing is taken of the stream."""
        first = _LaneReader(self, 0, 0, Position(), ahead=False)
        rows = [first.next_row()]
        assert first.rows is not None
        return rows + [first.next_row() for _ in range(min(count, len(first.rows)) - 1)]

    def submit(self, make: Callable[[Position], Block], position: Position) -> Future[Block]:
        """Make a block in the thread of this stream: a tokenizer must not be used by two at once."""
        self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="stream")
        return self._pool.submit(make, position)

    def fingerprint(self) -> str:
        """Equal where all processes see the same shards."""
        return fingerprint(self.texts.sources)

    def _choose_sources(self, lane: int, number: int) -> np.ndarray:
        draws = np.random.default_rng([self.seed, 11, lane, number]).random(CHOSEN_TOGETHER)
        return np.minimum(np.searchsorted(self.shares, draws, side="right"), len(self.shares) - 1)

    def _reader(self, source: int, lane: int, position: Position | None = None) -> _LaneReader:
        if (source, lane) not in self.readers:
            self.readers[source, lane] = _LaneReader(self, source, lane, position or Position())
        return self.readers[source, lane]

    # -- what a checkpoint holds ------------------------------------------------------------------------------------

    def own_state(self) -> dict[str, list[list[int]]]:
        """Lane -> position in each source, of the lanes that this process reads."""
        lanes = range(self.rank, self.lanes, self.processes)
        sources = range(len(self.texts.sources))
        return {str(lane): [list(self._reader(source, lane).position) for source in sources] for lane in lanes}

    def merge(self, states: Sequence[Mapping[str, list[list[int]]]]) -> None:
        """Take what `own_state` of every process gave, for `state_dict`."""
        self.merged = {lane: positions for state in states for lane, positions in state.items()}

    def state_dict(self) -> dict[str, str]:
        """Positions of all lanes and what the shards are: text, which a backup keeps as it is."""
        shards = [[[shard.name, shard.size_bytes] for shard in source.shards] for source in self.texts.sources]
        state = {"row": self.row, "lanes": self.lanes, "positions": self.merged, "shards": shards}
        return {"stream": json.dumps(state)}

    def load_state_dict(self, values: Mapping[str, str]) -> None:
        """Go on where a checkpoint was made.

        Raises:
            UserError: If the shards are others by now, or the number of processes cannot read the same lanes.
        """
        state = json.loads(values["stream"])
        self._check_shards(state["shards"])
        lanes = int(state["lanes"])
        if lanes % self.processes:
            fitting = [str(count) for count in range(1, lanes + 1) if lanes % count == 0]
            raise UserError(
                f"The run reads its shards in {counted(lanes, 'lane')}, and {self.processes} processes cannot share "
                f"them: resume it with {', '.join(fitting)}."
            )
        self.row, self.lanes, self.readers = int(state["row"]), lanes, {}
        for lane, positions in state["positions"].items():
            for source, position in enumerate(positions):
                if int(lane) % self.processes == self.rank:
                    self._reader(source, int(lane), Position(*position))

    def _check_shards(self, recorded: list[list[list[Any]]]) -> None:
        for source, shards in zip(self.texts.sources, recorded, strict=True):
            now = {shard.name: shard.size_bytes for shard in source.shards}
            before = dict(shards)
            gone, added = [name for name in before if name not in now], [name for name in now if name not in before]
            changed = [name for name in before if name in now and now[name] != before[name]]
            if gone or added or changed:
                what = (
                    f"{gone[0]} is gone" if gone else f"{added[0]} was added" if added else f"{changed[0]} has changed"
                )
                raise UserError(
                    f"{source.title}: {what} since the run was stopped ({counted(len(before), 'file')} then, "
                    f"{len(now)} now). Make the files as they were and resume, or start a new run."
                )


def lane_count(texts: StreamedTexts, processes: int) -> int:
    """A multiple of the processes, few enough that no lane shares a shard where there are as many shards as processes.

    With 1, 2, 4 or 8 processes it is the same number, and so the same rows, where there are as many shards.
    """
    fewest = min(len(source.shards) for source in texts.sources)
    return processes * max(1, min(LANES, 1 << (fewest.bit_length() - 1)) // processes)


def block_characters(lanes: int) -> int:
    """Characters that a lane shuffles at once."""
    return max(MIN_BLOCK_CHARACTERS, MIXED_CHARACTERS // lanes)


class _LaneReader:
    """Rows of one source in one lane, block by block; the next block is made while this one is used."""

    def __init__(self, stream: TextStream, source: int, lane: int, position: Position, ahead: bool = True):
        self.stream, self.source, self.lane, self.position, self.ahead = stream, source, lane, position, ahead
        shards = list(stream.texts.sources[source].shards)
        self.turn, self.turns = 0, 1
        if len(shards) >= stream.lanes:
            self.shards = shards[lane :: stream.lanes]
        else:
            own = lane % len(shards)
            self.shards = [shards[own]]
            self.turn, self.turns = lane // len(shards), len(range(own, stream.lanes, len(shards)))
        self.rows: Sequence[Any] | None = None
        self.order, self.after = np.zeros(0, dtype=np.int64), position
        self.next_block: Future[Block] | None = None

    def next_row(self) -> Any:
        """The next row of the lane."""
        began = self.position.epoch
        while self.rows is None or self.position.taken >= len(self.rows):
            if self.rows is not None:
                self.position = self.after
                if self.position.epoch > began + 1:
                    raise UserError(f"{self._title()}: no document is long enough for a training row.")
            self._load()
        taken = self.position.taken
        self.position = self.position._replace(taken=taken + 1)
        if self.ahead and self.next_block is None and 2 * taken >= len(self.rows):
            self.next_block = self.stream.submit(self._block, self.after)
        return self.rows[int(self.order[taken])]

    def _load(self) -> None:
        block, self.next_block = self.next_block, None
        if self.ahead:
            block = block or self.stream.submit(self._block, self.position)
        self.rows, self.after = block.result() if block else self._block(self.position)
        seed = [self.stream.seed, 12, self.source, self.lane, self.position.blocks]
        self.order = np.random.default_rng(seed).permutation(len(self.rows))

    def _block(self, start: Position) -> Block:
        """The training rows of a block, in order, and where the next one begins."""
        documents, after = self._documents(start)
        seed = np.random.SeedSequence([self.stream.seed, 13, self.source, self.lane, start.blocks])
        return self.stream.make_rows(documents, int(seed.generate_state(1)[0])), after

    def _documents(self, start: Position) -> tuple[list[Document], Position]:
        """Documents until there is enough for a block, or the epoch ends."""
        documents: list[Document] = []
        most = block_characters(self.stream.lanes)
        epoch, shard, row, size, is_whole = start.epoch, start.shard, start.row, 0, start.shard == start.row == 0
        while True:
            for found, after in self._read(self._order(epoch)[shard], row):
                documents += found
                size += sum(len(part) for document in found for part in document)
                if size >= most:
                    return documents, Position(epoch, shard, after, start.blocks + 1)
            shard, row = shard + 1, 0
            if shard == len(self.shards):
                if documents:
                    return documents, Position(epoch + 1, 0, 0, start.blocks + 1)
                if is_whole:
                    raise UserError(f"{self._title()}: there is no text in {self._what()}.")
                epoch, shard, is_whole = epoch + 1, 0, True

    def _order(self, epoch: int) -> list[Shard]:
        seed = [self.stream.seed, 14, self.source, self.lane, epoch]
        return [self.shards[int(number)] for number in np.random.default_rng(seed).permutation(len(self.shards))]

    def _read(self, shard: Shard, row: int) -> Any:
        start = max(row, self.stream.texts.first_row(self.source, shard))
        return self.stream.texts.documents(self.source, shard, Part(start, self.turn, self.turns))

    def _title(self) -> str:
        return self.stream.texts.sources[self.source].title

    def _what(self) -> str:
        shown = (
            f"{self.shards[0].name} and {len(self.shards) - 1} more" if len(self.shards) > 1 else self.shards[0].name
        )
        if self.turns > 1:
            return f"the share of {shown} that one of {self.turns} lanes reads: give more files, or fewer processes"
        return shown
