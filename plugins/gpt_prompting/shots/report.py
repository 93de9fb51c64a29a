"""Report of the few-shot experiment: curves, tables, and the proof that no parameter was changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np

from plugins.gpt_prompting.models.openai_model import HostedModel
from plugins.gpt_prompting.prompting.metrics import NO_LABEL
from plugins.gpt_prompting.shots.data import ShotsData
from plugins.gpt_prompting.shots.finetuning_baseline import describe_crossover
from training.artifact import confidence_intervals
from training.data_url import chart_item
from training.figures import Baseline, Figure, share

PROMPT_ARM, RANDOM_LABELS_ARM = "prompt", "random labels"
FIGURE = "shots.png"
TITLES = {"accuracy": "Accuracy", "macro_f1": "Macro F1", "calibration_error": "Expected calibration error"}
NO_HASH = "The parameters are on {} and not accessible: they cannot be hashed. Only requests were sent."
LABELS_PARSED = "A hosted model gives no log-likelihoods of the labels: they are parsed from its answers."
MAX_REASONS = 5  # why answers have no label, in the report
Results = list[dict[str, Any]]  # one per part: arm, shots, seed, permutation, eval_rows, metrics
Table = dict[str, list]  # columns, rows


def by_seed(results: Results, metric: str) -> Results:
    """Average over the permutations of a seed, which are not independent of each other; for
    `confidence_intervals.summary`."""
    groups: dict[tuple, list[float]] = defaultdict(list)
    for result in results:
        if result[metric] is not None:  # a hosted model without probabilities has no calibration error
            key = result["arm"], result["shots"], result["seed"], result["eval_rows"]
            groups[key].append(result[metric])
    return [
        {"arm": arm, "shots": shots, "seed": seed, "eval_rows": rows, metric: float(np.mean(values))}
        for (arm, shots, seed, rows), values in groups.items()
    ]


def summary(results: Results, metric: str = "accuracy") -> Results:
    """Return one record per arm and number of demonstrations: arm, shots, mean, low, high, seeds."""
    return confidence_intervals.summary(by_seed(results, metric), metric, "shots")


def permutation_spread(results: Results) -> dict[int, float]:
    """Return shots -> accuracy of the best minus the worst permutation, averaged over seeds (Lu et al., 2022)."""
    groups: dict[tuple[int, int], list[float]] = defaultdict(list)
    for result in _of_prompt(results):
        groups[result["shots"], result["seed"]].append(result["accuracy"])
    spread: dict[int, list[float]] = defaultdict(list)
    for (shots, _), values in groups.items():
        if len(values) > 1:
            spread[shots].append(max(values) - min(values))
    return {shots: float(np.mean(values)) for shots, values in sorted(spread.items())}


def metrics(results: Results) -> dict[str, float]:
    """Metrics of the run: mean accuracy at each number of demonstrations, and the largest permutation spread."""
    values = {f"accuracy_at_{record['shots']}": record["mean"] for record in _of_prompt(summary(results))}
    spread = permutation_spread(results)
    return values | ({"permutation_spread": round(max(spread.values()), 4)} if spread else {})


def figures(results: Results, data: ShotsData) -> list[Figure]:
    """Mean accuracy with the most examples, beside chance, the most frequent label and no examples at all."""
    means = {record["shots"]: record["mean"] for record in _of_prompt(summary(results))}
    if not means:
        return []
    shots = max(means)
    known = [Baseline("guessing", data.chance), Baseline("always the most frequent label", data.majority)]
    known += [Baseline("no examples", means[0])] if shots and 0 in means else []
    rows = max(result["eval_rows"] for result in results)
    advice = "Try other examples, more of them, or a larger model."
    name, meaning = (
        f"Accuracy with {shots} examples",
        "Right labels of rows that are not in the prompt; nothing is trained.",
    )
    return [share(f"accuracy_at_{shots}", name, means[shots], meaning, rows, known, advice=advice)]


def tables(
    results: Results, data: ShotsData, fine_tuned: Results, hosted: HostedModel | None = None
) -> dict[str, Table]:
    """Tables by title: each metric against the number of demonstrations, baselines, permutations, cost, confusion,
    proof."""
    tables = {
        f"{title} (mean, 95 % interval)": confidence_intervals.table(records, by="shots")
        for metric, title in TITLES.items()
        if (records := summary(results, metric))
    }
    tables["Baselines"] = {
        "columns": ["", "accuracy"],
        "rows": [["chance", f"{data.chance:.3f}"], ["always the most frequent label", f"{data.majority:.3f}"]],
    }
    if fine_tuned:
        title = describe_crossover(fine_tuned, _of_prompt(summary(results)))
        tables[title] = confidence_intervals.table(fine_tuned, by="labels")
    if spread := permutation_spread(results):
        rows = [[shots, f"{value:.3f}"] for shots, value in spread.items()]
        title = "Order sensitivity: best minus worst permutation of the same examples"
        tables[title] = {"columns": ["shots", "accuracy"], "rows": rows}
    tables["Cost"] = _cost(results)
    if hosted:
        tables["Origin of the labels"] = _label_origin(results, data, hosted)
    shots, counts = _confusion(results)
    names = data.prompt.names
    tables[f"Confusion with {shots} examples (all seeds)"] = {
        "columns": ["true label", *names, NO_LABEL][: len(counts[0]) + 1],
        "rows": [[name, *row] for name, row in zip(names, counts, strict=True)],
    }
    title = "The parameters" if hosted else "Proof that nothing was trained"
    tables[title] = {"columns": ["", "value"], "rows": [list(item) for item in proof(results, hosted).items()]}
    return tables


def unfinished_table(part: dict[str, Any], rows: int) -> dict[str, Table]:
    """Table of the responses of a part that was stopped or failed; they are in none of the other tables."""
    title = (
        f"Not finished: {part['arm']}, {part['shots']} examples, seed {part['seed']}, permutation {part['permutation']}"
    )
    metrics = [[name, round(part[name], 3)] for name in ("accuracy", "macro_f1", "without_label")]
    return {title: {"columns": ["", "value"], "rows": [[f"rows labelled of {part['eval_rows']:,}", rows], *metrics]}}


def _of_prompt(records: Results) -> Results:
    return [record for record in records if record["arm"] == PROMPT_ARM]


def _label_origin(results: Results, data: ShotsData, hosted: HostedModel) -> Table:
    """How a hosted model's labels were obtained."""
    requests = sum(result["eval_rows"] for result in results)
    parsed = sum(result["parsed_from_answer"] for result in results)
    unlabelled = sum(result["without_label"] for result in results)
    served_by = sorted({name for result in results for name in result["served_by"]})
    reasons: Counter[str] = Counter()
    for result in results:
        reasons.update(result.get("reasons", {}))
    rows = [
        ["log-likelihoods of the labels", "not given by a hosted model"],
        ["from the probabilities of the answer's first token", requests - parsed],
        ["parsed from the answer's text", parsed],
        ["of these without a label, or refused by the server", unlabelled],
        *([f"why: {reason}", count] for reason, count in reasons.most_common(MAX_REASONS)),
        ["calibration error", "unknown" if parsed else "from the first token's probabilities"],
        ["model that the server reports", ", ".join(served_by) or "(none)"],
    ]
    rows += [["the server's parameters", remark] for remark in hosted.conventions.remarks()]
    if data.prompt.calibrate != "none":
        rows.append([f"calibration: {data.prompt.calibrate}", "not applied: it needs log-likelihoods"])
    return {"columns": ["", "answers"], "rows": rows}


def _cost(results: Results) -> Table:
    rows = []
    for shots in sorted({result["shots"] for result in _of_prompt(results)}):
        parts = [result for result in _of_prompt(results) if result["shots"] == shots]
        count, seconds = sum(part["eval_rows"] for part in parts), sum(part["seconds"] for part in parts)
        tokens = sum(part["prompt_tokens"] for part in parts)
        rows.append(
            [
                shots,
                f"{tokens / count:.0f}" if tokens else "unknown",
                f"{1000 * seconds / count:.1f}",
                f"{count / max(seconds, 1e-9):.0f}",
                sum(part["with_dropped_examples"] for part in parts),
            ]
        )
    columns = [
        "shots",
        "prompt tokens per row",
        "milliseconds per row",
        "rows per second",
        "prompts with dropped examples",
    ]
    return {"columns": columns, "rows": rows}


def _confusion(results: Results) -> tuple[int, list[list[int]]]:
    """Confusion at the largest number of demonstrations, summed over its parts."""
    shots = max(result["shots"] for result in _of_prompt(results))
    counts = [np.asarray(result["confusion"]) for result in _of_prompt(results) if result["shots"] == shots]
    width = max(table.shape[1] for table in counts)  # one column more where an answer named no label
    return shots, np.sum([np.pad(table, ((0, 0), (0, width - table.shape[1]))) for table in counts], axis=0).tolist()


def proof(results: Results, hosted: HostedModel | None = None) -> dict[str, str]:
    """SHA-256 of the parameters before the first part and after the last, and whether all between are equal; or why
    unknown."""
    if hosted:
        return {"sha256_before": "", "sha256_after": "", "unchanged": "unknown", "why": NO_HASH.format(hosted.host)}
    first, last = results[0]["sha256_before"], results[-1]["sha256_after"]
    is_unchanged = {result[name] for result in results for name in ("sha256_before", "sha256_after")} == {first}
    return {"sha256_before": first, "sha256_after": last, "unchanged": "yes" if is_unchanged else "no"}


def best_result(results: Results) -> dict[str, Any]:
    """Return the result with the best accuracy; of equals the one with the fewest demonstrations."""
    return max(_of_prompt(results), key=lambda result: (result["accuracy"], -result["shots"]))


def scores_of(result: dict[str, Any]) -> dict[str, float]:
    return {name: round(result[name], 4) for name in TITLES if result[name] is not None}


def plot_accuracy(results: Results, data: ShotsData, fine_tuned: Results) -> bytes:
    """Plot accuracy against the number of demonstrations, with baselines and fine-tuning on as many labels; a PNG."""
    records = [*summary(results), *fine_tuned]
    levels = {"chance": data.chance, "most frequent label": data.majority}
    return confidence_intervals.plot(records, "shots", levels, "accuracy")


def panel_items(results: Results, data: ShotsData, fine_tuned: Results) -> list[dict]:
    """Items for the run's panel: accuracy, calibration error, and the comparison with fine-tuning."""
    caption = "Accuracy against the number of examples, 95 % intervals"
    items = [chart_item(plot_accuracy(results, data, fine_tuned), caption)]
    if records := summary(results, "calibration_error"):
        figure = confidence_intervals.plot(records, "shots", what="calibration error")
        items.append(chart_item(figure, "Expected calibration error against the number of examples"))
    if fine_tuned:
        items.append({"text": describe_crossover(fine_tuned, _of_prompt(summary(results)))})
    return items


def study(results: Results, data: ShotsData, fine_tuned: Results, hosted: HostedModel | None = None) -> dict[str, Any]:
    """The experiment's section of the model card, which the endpoint `shots` returns too."""
    records = summary(results)
    about = f"{LABELS_PARSED} {NO_HASH.format(hosted.host)}" if hosted else "No parameter was changed."
    text = (
        "Accuracy on the same rows against the number of examples in the prompt; mean and 95 % interval over seeds "
        "of the "
        f"selection. Chance is {data.chance:.3f}, always predicting the most frequent label {data.majority:.3f}. "
        f"{about}"
    )
    if fine_tuned:
        text += " " + describe_crossover(fine_tuned, _of_prompt(records))
    spread = permutation_spread(results)
    return {
        "title": "Examples in the prompt",
        "text": text,
        "image": FIGURE,
        "records": records,
        "macro_f1": summary(results, "macro_f1"),
        "calibration_error": summary(results, "calibration_error"),
        "order_sensitivity": [{"shots": shots, "accuracy": value} for shots, value in spread.items()],
        "fine_tuned": fine_tuned,
        "proof": proof(results, hosted),
        **confidence_intervals.table(records, by="shots"),
    }
