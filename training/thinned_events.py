"""Read an event log of any length as a chart needs it: of each kind of event at most some thousands, evenly spread."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from training.events import STEP, parse_lines, read_lines

MOST = {"step": 4000, "eval": 2000, "sample": 20}  # events of a name; up to twice as many are kept
MOST_OTHERS = 500
NAME = re.compile(rb'\{"event": "(\w{1,40})"')
BEST = b'"best": true'
Line = tuple[int, bytes]  # its place in the file, its bytes


def read_thinned(path: Path, offset: int = 0) -> tuple[list[dict], int]:
    """All events from byte `offset` on, in their order, and the next offset.

    A log of up to some thousand lines comes whole. In a longer one every second, fourth, … event of a name is left out;
    the last of each name and the best evaluation always stay. Reads 0.3 GB a second: only what stays is parsed.

    Raises:
        UserError: If there is something at that path that is no file.
    """
    kept: dict[bytes, _Kept] = {}
    best: list[Line] = []
    before, following, place = -1, offset, 0
    while following != before:
        before = following
        lines, following = read_lines(path, before)
        _of(kept, b"step").add_steps(lines, place)
        for number in [number for number, line in enumerate(lines) if not line.startswith(STEP)]:
            if match := NAME.match(lines[number]):
                each = (place + number, lines[number])
                _of(kept, match[1]).add(each)
                best = [each] if match[1] == b"eval" and BEST in each[1] else best
        place += len(lines)
    chosen = dict([*best, *(line for each in kept.values() for line in each.lines())])
    return parse_lines(chosen[place] for place in sorted(chosen)), following


@dataclass
class _Kept:
    """Lines of one name. When they are twice too many, every second goes, and from then on as many are left out."""

    most: int
    stride: int = 1
    seen: int = 0
    evenly: list[Line] = field(default_factory=list)
    last: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        if self.seen % self.stride == 0:
            self.evenly.append(line)
        self.seen, self.last = self.seen + 1, [line]
        self._thin()

    def add_steps(self, lines: list[bytes], place: int) -> None:
        """Add what of a piece of the log is a step. It is counted by lines: to look at every step would take longer."""
        chosen = range(-self.seen % self.stride, len(lines), self.stride)
        self.evenly += [(place + number, lines[number]) for number in chosen if lines[number].startswith(STEP)]
        self.seen += len(lines)
        last = next((number for number in range(len(lines) - 1, -1, -1) if lines[number].startswith(STEP)), None)
        self.last = self.last if last is None else [(place + last, lines[last])]
        self._thin()

    def _thin(self) -> None:
        while len(self.evenly) > 2 * self.most:
            self.evenly, self.stride = self.evenly[::2], 2 * self.stride

    def lines(self) -> list[Line]:
        return [*self.evenly, *self.last]


def _of(kept: dict[bytes, _Kept], name: bytes) -> _Kept:
    if name not in kept:
        kept[name] = _Kept(MOST.get(name.decode(), MOST_OTHERS))
    return kept[name]
