"""BLEU and chrF by sacreBLEU (Post, 2018), 0 to 100, with their signatures; the most wrong pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from plugins.bert_finetune.scripts import SPACELESS, script
from plugins.bert_finetune.translate.data import SentencePairs
from training.preflight.sheet import Finding
from training.task import Score
from training.wording import counted

MAX_WORST_ROWS = 20
MAX_CHARACTERS = 300  # characters
KANA = ("HIRAGANA", "KATAKANA")
MIN_KANA = 0.05  # share of a text's letters; Chinese has none
MIN_SPACELESS = 0.3  # share of the letters of scripts without spaces, above which words are no unit to count


def choose_bleu(truths: Sequence[str]) -> BLEU:
    """BLEU with the tokenizer that the script of the reference translations needs.

    13a, sacreBLEU's default, takes a Chinese sentence for one word: no sequence of four words matches, and BLEU is 0
    whatever is translated. The same holds for references of one to three words; there the sequences that exist are
    counted (effective order). The signature names both.
    """
    bleu, shorter = (BLEU(tokenize=_tokenizer(truths), effective_order=effective) for effective in (False, True))
    is_moving = [metric.corpus_score(truths, [truths]).score > 99 for metric in (bleu, shorter)] if truths else [True]
    return bleu if is_moving[0] else shorter


def _tokenizer(truths: Sequence[str]) -> str:
    """Name of sacreBLEU's tokenizer: 13a for words between spaces, zh and ja-mecab by script, else char."""
    letters = Counter(name for text in truths for name in map(script, text) if name)
    total = max(1, sum(letters.values()))
    if sum(letters[name] for name in SPACELESS) < MIN_SPACELESS * total:
        return "13a"
    if sum(letters[name] for name in KANA) > MIN_KANA * total:
        return "ja-mecab" if find_spec("MeCab") and find_spec("ipadic") else "char"
    return "zh" if letters["CJK"] > MIN_SPACELESS * total else "char"


def metric_findings(truths: Sequence[str]) -> list[Finding]:
    """Report what BLEU counts where that is not sequences of up to four words."""
    if not truths:
        return []
    bleu, tokenizer = choose_bleu(truths), _tokenizer(truths)
    findings = []
    if tokenizer != "13a":
        unit = "words as MeCab cuts them" if tokenizer == "ja-mecab" else "characters: this script has no spaces"
        findings.append(Finding("green", f"BLEU counts {unit} (tokenizer {tokenizer})", str(bleu.get_signature())))
    if bleu.effective_order:
        title = f"{counted(len(truths), 'translation')} to evaluate on, none of four words or more"
        detail = "BLEU counts the shorter sequences (eff:yes): compare it with no other BLEU, and look at chrF."
        findings.append(Finding("amber", title, detail))
    return findings


def scores(translations: Sequence[str], truths: Sequence[str]) -> tuple[dict[str, float], list[str]]:
    """Corpus BLEU (cased) and chrF, and sacreBLEU's signatures, which name BLEU's tokenizer."""
    bleu, chrf = choose_bleu(truths), CHRF()
    metrics = {
        "bleu": float(bleu.corpus_score(translations, [truths]).score),
        "chrf": float(chrf.corpus_score(translations, [truths]).score),
    }
    return metrics, [f"BLEU {bleu.get_signature()}", f"chrF {chrf.get_signature()}"]


def score(pairs: SentencePairs, translations: Sequence[str], losses: Sequence[tuple[float, int]]) -> Score:
    """Metrics and tables of one evaluation.

    Args:
        losses: Summed cross entropy and number of the target's tokens, per pair.
    """
    metrics, signatures = scores(translations, pairs.targets)
    metrics["loss"] = sum(loss for loss, _ in losses) / max(1, sum(tokens for _, tokens in losses))
    chrf, texts = CHRF(), list(zip(pairs.sources, pairs.targets, translations, strict=True))
    similarity = np.asarray([chrf.sentence_score(text, [truth]).score for _, truth, text in texts])
    rows = [
        [pairs.lines[row], *(text[:MAX_CHARACTERS] for text in texts[row]), round(float(similarity[row]), 1)]
        for row in np.argsort(similarity)[:MAX_WORST_ROWS]
        if translations[row] != pairs.targets[row]
    ]
    tables = {
        "Most wrong": {"columns": ["line", "source", "truth", "translation", "chrF"], "rows": rows},
        "Signatures": {"columns": ["sacreBLEU signature"], "rows": [[signature] for signature in signatures]},
    }
    return Score(metrics, tables)
