"""The documents: links and anchors exist, also those that code cites; each experiment has its four parts; the README is short."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "plugins").glob("*/README.md")]
EXPERIMENTS = [path for path in (ROOT / "docs" / "experiments").glob("*.md") if path.name != "README.md"]
PARTS = ("**Question.**", "**Command.**", "**Table.**", "**Decision.**")
CODE = ("training", "plugins", "spaces_app", "benchmarks")
CITATION = re.compile(r"docs/[a-z_/0-9-]+\.md(?:#[a-z0-9-]+)?")
MAX_README_WORDS = 1200


@cache
def anchors(document: Path, level: str = "#+") -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(rf"^{level} (.*)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def missing(base: Path, link: str) -> bool:
    """Whether a relative link leads to no file, or to no heading of it."""
    path, _, anchor = link.partition("#")
    target = (base / path).resolve() if path else base
    return not target.exists() or bool(anchor and target.suffix == ".md" and anchor not in anchors(target))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_a_document_lead_somewhere(document: Path):
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    relative = [link for link in links if not re.match(r"https?:|mailto:", link)]
    broken = [link for link in relative if missing(document if link.startswith("#") else document.parent, link)]
    assert not broken


def test_documents_that_code_cites_exist():
    files = [path for folder in CODE for end in ("py", "yaml", "md") for path in (ROOT / folder).rglob(f"*.{end}")]
    cited = {link for path in files for link in CITATION.findall(path.read_text(encoding="utf-8"))}
    assert cited and not [link for link in cited if missing(ROOT, link)]


@pytest.mark.parametrize("document", EXPERIMENTS, ids=lambda path: path.stem)
def test_each_experiment_has_question_command_table_and_decision(document: Path):
    sections = re.split(r"^## ", document.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    incomplete = [section.splitlines()[0] for section in sections if any(part not in section for part in PARTS)]
    assert sections and not incomplete


def test_every_experiment_is_in_the_index():
    index = (ROOT / "docs" / "experiments" / "README.md").read_text(encoding="utf-8")
    links = [f"({path.name}#{anchor})" for path in EXPERIMENTS for anchor in anchors(path, "##")]
    assert not [link for link in links if link not in index]


def test_every_decision_is_in_the_list():
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    assert not [path.name for path in folder.glob("0*.md") if f"({path.name})" not in listed]


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= MAX_README_WORDS
