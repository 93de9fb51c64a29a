"""The preflight sheet: findings about data and machine, shown before step 1; red ones block the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from training.errors import UserError

Level = Literal["green", "amber", "red"]
LEVELS: tuple[Level, ...] = ("green", "amber", "red")  # mildest first


@dataclass(frozen=True)
class Finding:
    """One row of the sheet: green is good to know, amber asks for a look, red stops the run.

    Args:
        level: How much it matters.
        title: The finding in a few words.
        detail: What to do about it; empty where nothing needs doing.
    """

    level: Level
    title: str
    detail: str = ""


@dataclass(frozen=True)
class Sheet:
    """Everything found before training starts.

    Args:
        findings: The rows, in the order they were found.
        columns: One record per column of the data, as `describe_columns` gives them.
        sample: The first rows of the data, JSON-ready.
        decided: Setting -> {"value", "reason"}, of those that were left to "auto".
        presets: Name of a preset -> {"steps", "seconds"}, once two steps were measured.
    """

    findings: tuple[Finding, ...]
    columns: tuple[dict[str, Any], ...] = ()
    sample: tuple[dict[str, Any], ...] = ()
    decided: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    presets: Mapping[str, dict[str, float]] = field(default_factory=dict)

    def with_findings(self, findings: Iterable[Finding]) -> Sheet:
        """The sheet with more rows at its end."""
        return replace(self, findings=(*self.findings, *findings))

    @property
    def verdict(self) -> Level:
        """The worst level on the sheet; a sheet without rows is green."""
        return LEVELS[max((LEVELS.index(finding.level) for finding in self.findings), default=0)]

    @property
    def blocked(self) -> bool:
        """Whether a red row stops the run."""
        return self.verdict == "red"

    def raise_if_blocked(self) -> None:
        """Refuse to go on past a red row.

        Raises:
            UserError: With every red row, "title: detail", joined.
        """
        red = [finding for finding in self.findings if finding.level == "red"]
        if red:
            raise UserError("; ".join(f"{row.title}: {row.detail}" if row.detail else row.title for row in red))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Sheet:
        """The sheet that `to_dict` gave."""
        findings = tuple(Finding(**finding) for finding in values["findings"])
        named = (values["decided"], values["presets"])
        return cls(findings, tuple(values["columns"]), tuple(values["sample"]), *named)

    def to_dict(self) -> dict[str, Any]:
        """Return the sheet as JSON-ready values, with "verdict" beside the rows."""
        return {
            "verdict": self.verdict,
            "findings": [asdict(finding) for finding in self.findings],
            "columns": [dict(column) for column in self.columns],
            "sample": [dict(row) for row in self.sample],
            "decided": dict(self.decided),
            "presets": dict(self.presets),
        }
