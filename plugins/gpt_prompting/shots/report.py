"""What the experiment found, for people: curves, tables, and the proof that nothing was trained."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from plugins.gpt_prompting.models.openai_model import HostedModel
from plugins.gpt_prompting.shots.data import ShotsData
from plugins.gpt_prompting.shots.finetuning_baseline import crossover
from training.artifact import confidence_intervals
from training.data_url import as_url

FIGURE = "shots.png"
TITLES = {"accuracy": "Accuracy", "macro_f1": "Macro F1", "calibration_error": "Expected calibration error"}
PROMPT_ARM = "prompt"
NO_HASH = "The parameters lie on {}, out of reach: there is no hash of them to take. Questions were all that was sent."
LABELS_PARSED = "A hosted model gives no log-probabilities of the labels: they are read from its answers."
Results = list[dict[str, Any]]


def by_seed(results: Results, metric: str) -> Results:
    """Records as `intervals.summary` takes them: the orders of a draw are averaged first, since they are not independent of it."""
    groups: dict[tuple, list[float]] = defaultdict(list)
    for one in results:
        if one[metric] is None:  # a server that gives no probabilities
            continue
        groups[one["arm"], one["shots"], one["draw"], one["eval_rows"]].append(one[metric])
    return [
        {"arm": arm, "shots": shots, "seed": draw, "eval_rows": rows, metric: float(np.mean(values))}
        for (arm, shots, draw, rows), values in groups.items()
    ]


def summary(results: Results, metric: str = "accuracy") -> Results:
    """A record an arm and number of examples: arm, shots, mean, low, high, seeds (draws)."""
    return confidence_intervals.summary(by_seed(results, metric), metric, "shots")


def permutation_spread(results: Results) -> dict[int, float]:
    """Examples -> how far the best and the worst order of the same examples lie apart in accuracy, mean over draws (Lu et al., 2022)."""
    groups: dict[tuple[int, int], list[float]] = defaultdict(list)
    for one in results:
        if one["arm"] == PROMPT_ARM:
            groups[one["shots"], one["draw"]].append(one["accuracy"])
    spread: dict[int, list[float]] = defaultdict(list)
    for (shots, _), values in groups.items():
        if len(values) > 1:
            spread[shots].append(max(values) - min(values))
    return {shots: float(np.mean(values)) for shots, values in sorted(spread.items())}


def metrics(results: Results) -> dict[str, float]:
    """For the curves of the run."""
    found = {f"accuracy_at_{one['shots']}": one["mean"] for one in summary(results) if one["arm"] == PROMPT_ARM}
    spread = permutation_spread(results)
    return found | ({"order_spread": round(max(spread.values()), 4)} if spread else {})


def tables(results: Results, data: ShotsData, fine_tuned: Results, hosted: HostedModel | None = None) -> dict[str, dict[str, list]]:  # fmt: skip
    """Each metric against the number of examples, then cost, orders, fine-tuning, confusion and the proof."""
    found = {
        f"{title} (mean, 95 % interval)": confidence_intervals.table(records, by="shots")
        for metric, title in TITLES.items()
        if (records := summary(results, metric))
    }
    found["Beside it"] = {
        "columns": ["", "accuracy"],
        "rows": [["chance", f"{data.chance:.3f}"], ["always the most frequent label", f"{data.majority:.3f}"]],
    }
    if fine_tuned:
        records = [record for record in summary(results) if record["arm"] == PROMPT_ARM]
        title = crossover(fine_tuned, records)
        found[title] = confidence_intervals.table(fine_tuned, by="labels")
    spread = permutation_spread(results)
    if spread:
        rows = [[shots, f"{value:.3f}"] for shots, value in spread.items()]
        found["Order sensitivity: best minus worst order of the same examples"] = {"columns": ["shots", "accuracy"], "rows": rows}  # fmt: skip
    found["Cost"] = _cost(results)
    if hosted:
        found["How the labels were read"] = _reading(results, data)
    shots, counts = _confusion(results)
    names = data.prompt.names
    found[f"Confusion with {shots} examples (all draws)"] = {
        "columns": ["true label", *names, "(none)"][: len(counts[0]) + 1],
        "rows": [[name, *row] for name, row in zip(names, counts, strict=True)],
    }
    title = "The parameters" if hosted else "Proof that nothing was trained"
    found[title] = {"columns": ["", "value"], "rows": [list(each) for each in proof(results, hosted).items()]}
    return found


def unfinished_table(part: dict[str, Any], rows: int) -> dict[str, dict[str, list]]:
    """What the answers of a part say that was stopped or broke off: they are in none of the other tables."""
    title = f"Not finished: {part['arm']}, {part['shots']} examples, draw {part['draw']}, order {part['order']}"
    names = ("accuracy", "macro_f1", "without_label")
    cells = [[f"rows answered of {part['eval_rows']:,}", rows], *([name, round(part[name], 3)] for name in names)]
    return {title: {"columns": ["", "value"], "rows": cells}}


def _reading(results: Results, data: ShotsData) -> dict[str, list]:
    """Where a hosted model's labels came from."""
    asked, words = sum(one["eval_rows"] for one in results), sum(one["read_from_words"] for one in results)
    served = sorted({name for one in results for name in one["served"]})
    rows = [
        ["log-probabilities of the labels", "not given by a hosted model"],
        ["from the probabilities of the answer's first token", asked - words],
        ["from the words of the answer", words],
        ["of these, no label or several were named, or the question was refused", sum(one["without_label"] for one in results)],
        ["calibration error", "not known" if words else "from the first token's probabilities"],
        ["the server says that it was answered by", ", ".join(served) or "(not told)"],
    ]  # fmt: skip
    if data.prompt.calibrate != "none":
        rows.append([f"calibration: {data.prompt.calibrate}", "not applied: it needs log-likelihoods"])
    return {"columns": ["", "answers"], "rows": rows}


def _cost(results: Results) -> dict[str, list]:
    rows = []
    for shots in sorted({one["shots"] for one in results}):
        mine = [one for one in results if one["shots"] == shots and one["arm"] == PROMPT_ARM]
        if not mine:
            continue
        count = sum(one["eval_rows"] for one in mine)
        tokens, seconds = sum(one["prompt_tokens"] for one in mine), sum(one["seconds"] for one in mine)
        dropped = sum(one["with_dropped_examples"] for one in mine)
        rows.append([shots, f"{tokens / count:.0f}" if tokens else "not told", f"{1000 * seconds / count:.1f}", f"{count / max(seconds, 1e-9):.0f}", dropped])  # fmt: skip
    columns = ["shots", "prompt tokens a row", "milliseconds a row", "rows a second", "prompts with dropped examples"]
    return {"columns": columns, "rows": rows}


def _confusion(results: Results) -> tuple[int, list[list[int]]]:
    most = max(one["shots"] for one in results if one["arm"] == PROMPT_ARM)
    mine = [one for one in results if one["shots"] == most and one["arm"] == PROMPT_ARM]
    tables = [np.asarray(one["confusion"]) for one in mine]  # one has a column more where an answer named no label
    width = max(table.shape[1] for table in tables)
    return most, np.sum([np.pad(table, ((0, 0), (0, width - table.shape[1]))) for table in tables], axis=0).tolist()


def proof(results: Results, hosted: HostedModel | None = None) -> dict[str, str]:
    """The parameters' SHA-256 before the first part and after the last, and whether every one between is the same; or why there is none."""
    if hosted:
        return {"sha256_before": "", "sha256_after": "", "unchanged": "not known", "why": NO_HASH.format(hosted.host)}
    first, last = results[0]["sha256_before"], results[-1]["sha256_after"]
    same = {one[name] for one in results for name in ("sha256_before", "sha256_after")} == {first}
    return {"sha256_before": first, "sha256_after": last, "unchanged": "yes" if same else "no"}


def best_examples(results: Results) -> dict[str, Any]:
    """The result with the best accuracy; of equals the one with the fewest examples."""
    return max((one for one in results if one["arm"] == PROMPT_ARM), key=lambda one: (one["accuracy"], -one["shots"]))


def scores_of(result: dict[str, Any]) -> dict[str, float]:
    return {name: round(result[name], 4) for name in TITLES if result[name] is not None}


def plot_accuracy(results: Results, data: ShotsData, fine_tuned: Results) -> bytes:
    """Accuracy against the number of examples, beside chance, the most frequent label, and fine-tuning on as many labels."""
    records = [*summary(results), *fine_tuned]
    return confidence_intervals.plot(
        records, "shots", {"chance": data.chance, "most frequent label": data.majority}, "accuracy"
    )


def panel_items(results: Results, data: ShotsData, fine_tuned: Results) -> list[dict]:
    """For the panel: accuracy, calibration error, and what it means beside fine-tuning."""
    items = [{"image": as_url(plot_accuracy(results, data, fine_tuned)), "caption": "Accuracy against the number of examples, 95 % intervals"}]  # fmt: skip
    if known := summary(results, "calibration_error"):
        sure = confidence_intervals.plot(known, "shots", what="calibration error")
        items.append({"image": as_url(sure), "caption": "Expected calibration error against the number of examples"})
    ours = [record for record in summary(results) if record["arm"] == PROMPT_ARM]
    return [*items, {"text": crossover(fine_tuned, ours)}] if fine_tuned else items


def study(results: Results, data: ShotsData, fine_tuned: Results, hosted: HostedModel | None = None) -> dict[str, Any]:
    """For the model card, and for who asks the endpoint."""
    records = summary(results)
    text = (
        "Accuracy on the same rows with more and more examples in the prompt; mean and 95 % interval over draws of the examples. "
        f"Chance is {data.chance:.3f}, always saying the most frequent label {data.majority:.3f}. {f'{LABELS_PARSED} {NO_HASH.format(hosted.host)}' if hosted else 'No parameter was changed.'}"
    )
    if fine_tuned:
        text += " " + crossover(fine_tuned, [record for record in records if record["arm"] == PROMPT_ARM])
    return {
        "title": "Examples in the prompt",
        "text": text,
        "image": FIGURE,
        "records": records,
        "macro_f1": summary(results, "macro_f1"),
        "calibration_error": summary(results, "calibration_error"),
        "order_sensitivity": [
            {"shots": shots, "accuracy": value} for shots, value in permutation_spread(results).items()
        ],
        "fine_tuned": fine_tuned,
        "proof": proof(results, hosted),
        **confidence_intervals.table(records, by="shots"),
    }
