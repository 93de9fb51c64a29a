"""The anomaly detector's stops of the guided tour, and its live picture on Home. The starter answers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from plugins._drawing import bars, paragraph, side_by_side, table
from plugins._tour import Call, Link, Range, Stop
from plugins.ae_anomaly.fit.endpoints import DetectAnomalies

AE, WEIGHTS = "ae_anomaly", "hypothyroid"
SAMPLE = Path(__file__).parent / "starter" / "sample.csv"
SQUEEZE = "plugins.ae_anomaly.inspect.squeeze:squeeze_row"
ROWS = 120  # of the sample
LABEL = "is_anomaly"
CELLS, WIDEST = 6, 3.0  # cells shown of a row, and the largest feature that is drawn
SHOWN = 10


def squeeze(call: Call, row: float) -> str:
    """A row's latent features, and each cell beside what was put back."""
    found = call(AE, SQUEEZE, WEIGHTS, SAMPLE, int(row))
    features = [
        (f"feature {number}", abs(value) / WIDEST, f"{value:+.2f}") for number, value in enumerate(found["latent"], 1)
    ]
    cells = [
        [each["column"], _cell(each["actual"]), _cell(each["expected"]), f"{each['share']:.0%}"]
        for each in found["columns"][:CELLS]
    ]
    sizes = f"{found['columns_known']} columns are squeezed into {len(found['latent'])} numbers."
    return side_by_side(
        paragraph(sizes, "answer") + bars("The row as numbers", features),
        table(
            f"Put back from them: the {CELLS} cells that differ most",
            ["column", "was", "put back", "share of the error"],
            cells,
        )
        + paragraph(
            f"Anomaly score {found['anomaly_score']:.2f}; the higher, the odder; normal rows are near 0 or below.",
            "aside",
        ),
    )


def _cell(value: Any) -> str:
    try:
        return "(empty)" if value in (None, "") else f"{float(value):.3g}"
    except ValueError:
        return str(value)


def odd_rows(call: Call, alerts: float) -> str:
    """The most anomalous rows of the sample, and how many are ill."""
    rows = _worst(call, int(alerts))
    ill = sum(row[LABEL] == "1" for row in rows)
    total = sum(row[LABEL] == "1" for row in _rows(SAMPLE))
    verdict = (
        f"Of the {len(rows)} oddest patients {ill} have a thyroid disease; among all {ROWS} there are {total}. "
        "The model was never told who is ill."
    )
    shown = [
        [row["row"], f"{float(row['anomaly_score']):.2f}", "ill" if row[LABEL] == "1" else "healthy", row["reasons"]]
        for row in rows[:SHOWN]
    ]
    return paragraph(verdict, "answer") + table(
        f"The oddest rows, {min(SHOWN, len(rows))} of {len(rows)}", ["row", "score", "diagnosis", "why"], shown
    )


def _worst(call: Call, count: int) -> list[dict[str, str]]:
    scored = _rows(call(AE, DetectAnomalies.score_file, WEIGHTS, SAMPLE, f"alerts={count}"))
    numbered = [{**row, "row": str(number)} for number, row in enumerate(scored, 1)]
    return sorted(numbered, key=lambda row: -float(row["anomaly_score"]))[:count]


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def card(call: Call) -> str:
    """For Home: the oddest patients."""
    rows = [[row["row"], f"{float(row['anomaly_score']):.1f}", row["reasons"].split(";")[0]] for row in _worst(call, 4)]
    return table(f"The oddest of {ROWS} patients", ["row", "score", "why"], rows)


STOPS = (
    Stop(
        "squeeze",
        "Squeeze a table",
        "An autoencoder reads a row, keeps a few numbers of it, and has to put the row back from those alone. To "
        "manage that, it has to learn which cells go together: the labels are the cells themselves.",
        "Cells that follow from others come back right. A cell that fits no other comes back as what was expected "
        "instead: that difference is the error.",
        "Row 1 is a patient with a disease. Which cell was expected to be different?",
        (1,),
        (Range("Row", 1, ROWS, 1, 2),),
        squeeze,
        (AE,),
        (Link("More in Anomalies", AE), Link("Learn this table", AE, "fit", {"sample": "hypothyroid"})),
        "Squeeze and put back",
    ),
    Stop(
        "odd-rows",
        "Find its odd rows",
        "What an autoencoder cannot put back is unlike what it has learned from. Sort the rows by their error, and the "
        "odd ones are on top, with the cell that is to blame.",
        "Odd is not ill: some healthy patients are rare too, and some ill ones look normal. The further down the list, "
        "the more rows are called odd without reason.",
        "How many of the ill are found with 20 alerts, and how many alarms are false?",
        (20,),
        (Range("Rows to look at", 5, 60, 5, 10),),
        odd_rows,
        (AE,),
        (Link("Your own table", AE), Link("Learn another table", AE, "fit", {"sample": "breast-cancer"})),
        "Find the odd rows",
    ),
)
