"""Commands over several runs: `list` and `edit` them, `compare` them, and `sweep` over settings."""

from __future__ import annotations

import argparse
from typing import Any

from training.cli.execute import kind_of, run_here
from training.cli.train import parse_command
from training.errors import UserError
from training.home import RUN_ID, runs_folder
from training.runs.labels import MAX_NAME, checked_labels, edit_labels, write_labels
from training.runs.metrics import lower_is_better, main_metric
from training.runs.registry import Runs, named_run
from training.runs.sweeps import MAX_RUNS, Sweep, Sweeps, best_place, combinations, new_id, title_of
from training.runs.table import SORTS, Query, page_of, select, to_csv
from training.settings import RunSettings, parse_settings

PAGE = 100  # runs
SWEEP = """Train a run per combination, one after the other, and print the best. Give --vary once per setting:
  --vary learning_rate=1e-4,3e-4,1e-3       these values
  --vary learning_rate=1e-5:1e-3            bounds, with --random N
  --vary learning_rate=1e-5:1e-3:5          5 points between bounds, evenly or on a logarithmic scale"""


def add_commands(commands: Any) -> None:
    """Add them."""
    listing = commands.add_parser("list", help="every run, filtered and sorted; --csv for a spreadsheet")
    listing.add_argument("text", nargs="*", help="Words that occur in the name, tags, notes, data, kind or status.")
    for name in ("tag", "plugin", "trainer", "status"):
        listing.add_argument(f"--{name}", default="", help=f"Only runs of this {name}.")
    listing.add_argument("--sort", choices=list(SORTS), default="created")
    listing.add_argument("--ascending", action="store_true", help="The smallest first; of metrics, the worst.")
    listing.add_argument("--page", type=int, default=1, help="From 1.")
    listing.add_argument("--page-size", type=int, default=PAGE, help=f"Runs a page, {PAGE} by default; 0: all.")
    listing.add_argument("--csv", action="store_true", help="As CSV, with all columns and all pages.")
    listing.set_defaults(command=list_command)

    edit = commands.add_parser("edit", help="change the name, tags or notes of a run")
    edit.add_argument("run", metavar="RUN")
    edit.add_argument("--name")
    edit.add_argument("--tags", help="Separated by commas; they replace those before.")
    edit.add_argument("--notes")
    edit.set_defaults(command=edit_command)

    compare = commands.add_parser("compare", help="settings that differ and metrics of several runs")
    compare.add_argument("runs", nargs="+", metavar="RUN")
    compare.set_defaults(command=compare_command)

    sweep = commands.add_parser(
        "sweep",
        help="train a run per combination of settings",
        usage="python -m training sweep PLUGIN TRAINER --vary SETTING=VALUES … [settings]",
        description=SWEEP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    sweep.add_argument("plugin")
    sweep.add_argument("trainer")
    sweep.add_argument("--vary", action="append", default=[], metavar="SETTING=VALUES")
    sweep.add_argument("--random", type=int, default=0, metavar="N", help="Draw N combinations in place of all.")
    sweep.add_argument("--draw-seed", type=int, default=0, help="Seed of the draw.")
    sweep.set_defaults(command=sweep_command, takes_settings=True)


def list_command(options: argparse.Namespace) -> int:
    """Print a line per run."""
    words = " ".join(options.text)
    filters = (words, options.tag, options.plugin, options.trainer, options.status)
    query = Query(*filters, options.sort, not options.ascending, options.page, options.page_size)
    rows = Runs().index.rows()
    chosen = select(rows, query)
    if options.csv:
        print(to_csv(chosen), end="")
        return 0
    shown = page_of(chosen, query)
    for row in shown:
        best = ", ".join(f"{key} {value:.3f}" for key, value in row["best"].items() if value is not None)
        steps = f"{row['step']:>7}/{row['steps']:<7}"
        labels = " ".join(filter(None, [row["name"], *(f"#{tag}" for tag in row["tags"])]))
        damage = row["message"] if row["status"] == "broken" else ""
        line = f"{row['id']:<36} {row['status']:<10} {steps} {row['size_bytes'] / 2**20:>8.1f} MB  {best}"
        print(f"{line}  {labels}{damage}".rstrip())
    if not rows:
        print("No runs yet.")
    elif not chosen:
        print("No run matches.")
    if len(shown) < len(chosen):
        page = min(query.page, pages := -(-len(chosen) // query.page_size))
        print(
            f"page {page} of {pages}, {len(chosen):,} runs in all: --page {page % pages + 1}, or --page-size 0 for all"
        )
    return 0


def edit_command(options: argparse.Namespace) -> int:
    """Change what is written on a run."""
    run = named_run(options.run)
    tags = None if options.tags is None else options.tags.split(",")
    labels = edit_labels(run.folder, options.name, tags, options.notes)
    print(f"{run.id} name: {labels.name!r}, tags: {', '.join(labels.tags) or 'none'}, notes: {labels.notes!r}")
    return 0


def compare_command(options: argparse.Namespace) -> int:
    """Print the settings that differ, the metrics and how many rows were wrong."""
    from training.runs.comparison import differing, metric_table, predictions, settings_of

    runs = [named_run(name) for name in dict.fromkeys(options.runs)]
    if len(runs) < 2:
        raise UserError("Give two runs or more to compare.")
    settings = [settings_of(run, kind_of(run)[1].trained_by) for run in runs]
    print("".join(f"{number}  {run.id}\n" for number, run in enumerate(runs, 1)))
    _print_row("setting", [str(number) for number in range(1, len(runs) + 1)])
    for name, values in differing(settings):
        _print_row(name, ["–" if value is None else str(value) for value in values])
    for row in metric_table([run.summary().best for run in runs]):
        texts = ["–" if value is None else f"{value:.4f}" for value in row["values"]]
        _print_row(row["name"], [f"{text} *" if n in row["best"] else text for n, text in enumerate(texts)])
    about = predictions(runs, settings)
    if "wrong" in about:
        _print_row("wrong rows listed", [str(number) for number in about["wrong"]])
        print(f"wrong in all: {about['wrong_in_all']}")
    print(f"\n{about['message']}")
    return 0


def _print_row(name: str, values: list[str]) -> None:
    print(f"{name:<24} " + " ".join(f"{value[:18]:>18}" for value in values))


def sweep_command(options: argparse.Namespace, rest: list[str]) -> int:
    """Train every combination in this process, one after the other."""
    plugin, kind, base, given = parse_command([options.plugin, options.trainer, *rest])
    if given.folder:
        raise UserError("--folder: a sweep makes several runs; they live under SELFSUP_HOME/runs.")
    how = "random" if options.random else "grid"
    fields = dict(map(_spec, options.vary))
    chosen = combinations(kind.trained_by, fields, how, options.random, options.draw_seed, MAX_RUNS)
    checked = [
        parse_settings(kind.trained_by, {**base.model_dump(), **values, **_no_backup(base)}) for values in chosen
    ]
    for values, settings in zip(chosen, checked, strict=True):
        try:
            kind.examine(settings)[1].raise_if_blocked()
        except UserError as error:
            raise UserError(f"With {title_of(values)}: {error}") from None
    sweep_id, made, worst = new_id(), {}, 0
    record = Sweep(sweep_id, "", plugin.name, kind.name, how, list(fields), made, f"sweep {sweep_id[-6:]}")
    for values, settings in zip(chosen, checked, strict=True):
        run = Runs().create(plugin.name, kind.name, settings)
        write_labels(run.folder, checked_labels(title_of(values)[:MAX_NAME], [record.name]))
        made[run.id] = values
        Sweeps(runs_folder()).write(record)
        print(f"\n{run.id}: {title_of(values)}", flush=True)
        code = run_here(run, plugin, kind)
        worst = max(worst, code)
        if code == 130:  # stopped: so is the rest
            return code
    _print_best(made)
    return worst


def _print_best(made: dict[str, dict[str, Any]]) -> None:
    bests = [named_run(run_id).summary().best for run_id in made]
    metric = next((found["name"] for best in bests if (found := main_metric(best))), "")
    values = [best.get(metric) for best in bests]
    place = best_place(values, metric)
    print()
    for (run_id, settings), value in zip(made.items(), values, strict=True):
        print(f"{run_id:<36} {'–' if value is None else f'{value:.4f}':>10}  {title_of(settings)}")
    if place is not None:
        better = "lower" if lower_is_better(metric) else "higher"
        run_id = list(made)[place]
        print(f"best by {metric} ({better} is better): {title_of(made[run_id])}\n{run_id}")


def _spec(text: str) -> tuple[str, Any]:
    """SETTING=VALUES -> the setting, and its values or bounds."""
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise UserError(f"--vary {text}: expected SETTING=VALUES, such as learning_rate=1e-4,1e-3.")
    name = name.strip().replace("-", "_")
    parts = values.split(":")
    if len(parts) not in (2, 3) or RUN_ID.fullmatch(values):
        return name, [_boolean(value.strip()) for value in values.split(",")]
    try:
        bounds = {"low": float(parts[0]), "high": float(parts[1])}
        return name, {**bounds, "points": int(parts[2])} if len(parts) == 3 else bounds
    except ValueError:
        return name, [_boolean(value.strip()) for value in values.split(",")]


def _boolean(text: str) -> str | bool:
    return {"true": True, "false": False}.get(text, text)


def _no_backup(base: RunSettings) -> dict[str, str]:
    """Runs of a sweep are not backed up: all would go to one repository."""
    return {"backup": ""} if base.value("backup") else {}
