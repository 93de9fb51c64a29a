"""Format numbers and lists for sentences."""

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """Return "1 row", "2 rows", "1,000 classes"."""
    return f"{number:,} {noun}{'' if number == 1 else 'es' if noun.endswith('s') else 's'}"


def listed(items: Sequence, most: int = 8) -> str:
    """Return "a, b, c", and how many more there are beyond `most`."""
    shown = ", ".join(str(item) for item in items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most:,} more"


def at_lines(lines: Sequence[int]) -> str:
    """Return "line 3" or "lines 3, 4"."""
    return f"line{'' if len(lines) == 1 else 's'} {listed(lines)}"


def spell_seconds(seconds: float) -> str:
    """Return a time as people say it: "40 s", "5 min", "1.5 h"."""
    if seconds < 90:
        return f"{max(1, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
