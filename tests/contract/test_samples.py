"""Sample data: every kind that can be trained has some, each is read without a red row and trains; sample:NAME names it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from plugins._contract import Kind, Plugin, Sample
from plugins._discovery import discover
from spaces_app.panels import copy_as
from spaces_app.services.plugins import PluginCatalog
from spaces_app.services.run_request import RunRequest, validate
from spaces_app.settings import Settings
from tests.files import write
from tests.toy import PLUGIN as TOY
from training.cli.train import parse_command, train_command
from training.errors import UserError
from training.runs.registry import Runs
from training.runs.run import Run
from training.settings import parse_settings

PLUGINS = [found.plugin for found in discover() if found.plugin]
KINDS = [(plugin, kind) for plugin in PLUGINS for kind in plugin.trainable]
SAMPLES = [(plugin, kind, sample) for plugin, kind in KINDS for sample in kind.samples]
NAMES = [f"{plugin.name}-{kind.name}-{sample.name}" for plugin, kind, sample in SAMPLES]
MOST_BYTES = 1_000_000  # of a file
MOST_BYTES_TOGETHER = 6_000_000  # of all files
ROOT = Path(__file__).parents[2]


@pytest.fixture
def toy(tmp_path: Path) -> Plugin:
    """The toy with two samples: one of a file and settings, one of two files."""
    points, more = (write(tmp_path / name, "0,0,1\n0.9,0.9,0\n" * 8) for name in ("points.csv", "more.csv"))
    samples = (
        Sample("circle", "A circle", "Points.", {"data": more, "points": points}, "ours", "CC0-1.0", {"steps": 7}),
        Sample("plain", "Points", "Points.", {"data": more, "eval_data": points}, "ours", "CC0-1.0"),
    )
    return replace(TOY, kinds=(replace(TOY.kinds[0], samples=samples),))


# -- the name ------------------------------------------------------------------------------------------------------


def test_a_name_brings_the_files_and_the_settings_of_its_sample(toy: Plugin, tmp_path: Path):
    values = toy.kind("fit").with_sample({"data": "sample:circle", "rows": 5})
    files = {"data": str(tmp_path / "more.csv"), "points": str(tmp_path / "points.csv")}
    assert values == {**files, "steps": 7, "rows": 5}


def test_what_is_given_beside_the_name_wins(toy: Plugin, tmp_path: Path):
    given = {"data": "sample:circle", "steps": 9, "points": ""}
    assert toy.kind("fit").with_sample(given) == {**given, "data": str(tmp_path / "more.csv")}


def test_a_name_in_another_field_brings_its_file_alone(toy: Plugin, tmp_path: Path):
    values = toy.kind("fit").with_sample({"data": "mine.csv", "eval_data": "sample:plain"})
    assert values == {"data": "mine.csv", "eval_data": str(tmp_path / "points.csv")}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"data": "sample:square"},
            "data: 'sample:square' is no sample of this kind; there are: sample:circle, sample:pl",
        ),
        ({"data": "sample:../../etc/passwd"}, "is no sample of this kind"),
        ({"data": "sample:"}, "is no sample of this kind"),
        ({"eval_data": "sample:circle"}, "eval_data: sample:circle has no file for it; it has: data, points."),
    ],
)
def test_other_names_are_refused(toy: Plugin, values: dict[str, str], message: str):
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        toy.kind("fit").with_sample(values)


def test_a_kind_without_samples_says_so():
    with pytest.raises(UserError, match="'sample:circle' is no sample of this kind; there is none"):
        TOY.kind("fit").with_sample({"data": "sample:circle"})


@pytest.mark.parametrize(
    "broken", [{"name": "Two words"}, {"files": {}}, {"files": {"eval_data": Path("points.csv")}}], ids=str
)
def test_a_broken_sample_is_refused_by_its_own_record(toy: Plugin, broken: dict):
    with pytest.raises(ValueError, match=r"must match|need a file for data"):
        replace(toy.kind("fit").samples[0], **broken)


def test_a_kind_refuses_a_file_that_its_settings_do_not_have(toy: Plugin):
    kind = toy.kind("fit")
    sample = replace(kind.samples[0], files={"data": Path("a.csv"), "pairs": Path("b.csv")})
    with pytest.raises(ValueError, match="sample 'circle': no file field pairs"):
        replace(kind, samples=(sample,))
    with pytest.raises(ValueError, match="two samples of one name: circle, circle"):
        replace(kind, samples=(kind.samples[0], kind.samples[0]))


# -- page, API, command, run file ----------------------------------------------------------------------------------


@pytest.fixture
def bert() -> Plugin:
    return next(plugin for plugin in PLUGINS if plugin.name == "bert_finetune")


def request(**values: str) -> RunRequest:
    return RunRequest("bert_finetune", "classify", values)


def test_a_visitor_names_a_sample_and_nothing_else(bert: Plugin, tmp_path: Path):
    catalog, sample = PluginCatalog(discover()), bert.kind("classify").samples[0]
    settings = validate(request(data=sample.value), catalog, Settings())[2]
    assert {name: getattr(settings, name) for name in sample.files} == {n: str(p) for n, p in sample.files.items()}
    for value in (str(sample.files["data"]), "/etc/passwd", "sample:../__init__.py"):
        with pytest.raises(UserError, match=r"not named in the settings|no sample"):
            validate(request(data=value), catalog, Settings())
    upload = {"data": write(tmp_path / "mine.csv", "text,label\na,b\n")}
    with pytest.raises(UserError, match="data: a file and a sample were given; leave one out"):
        validate(replace(request(data=sample.value), files=upload), catalog, Settings())


def test_copies_of_the_form_name_the_sample():
    asked = request(data="sample:requests", text_column="text")
    assert "settings={'data': 'sample:requests', 'text_column': 'text'}" in copy_as.as_python(asked)
    assert copy_as.as_command(asked).endswith("classify --data sample:requests --text-column text")
    assert "  data: sample:requests\n" in copy_as.as_yaml(asked)


def test_command_and_run_file_name_the_same_sample(bert: Plugin, tmp_path: Path):
    file = write(tmp_path / "run.yaml", copy_as.as_yaml(request(data="sample:requests")))
    by_flag = parse_command(["bert_finetune", "classify", "--data", "sample:requests"])[2]
    assert by_flag == parse_command(["bert_finetune", "classify", "--config", str(file)])[2]
    assert by_flag.value("data") == str(bert.kind("classify").samples[0].files["data"])


def test_a_run_keeps_a_copy_of_its_sample(tmp_path: Path, home: Path):
    folder = tmp_path / "run"
    train_command(["ae_anomaly", "fit", "--data", "sample:breast-cancer", "--steps", "2", "--folder", str(folder)])
    run = Runs(tmp_path).create(
        "ae_anomaly", "fit", parse_command(["ae_anomaly", "fit", "--data", "sample:breast-cancer"])[2]
    )
    assert (folder / "data" / "breast-cancer.csv").read_bytes() == (
        run.folder / "data" / "breast-cancer.csv"
    ).read_bytes()
    assert run.config()["settings"]["data"] == "data/breast-cancer.csv"


def test_the_list_of_plugins_has_the_samples(bert: Plugin):
    described = next(one for one in PluginCatalog(discover()).describe() if one["name"] == "bert_finetune")
    trainer = next(one for one in described["trainers"] if one["name"] == "classify")
    sample = bert.kind("classify").samples[0]
    assert trainer["samples"][0] == {
        "name": sample.value,
        "title": sample.title,
        "about": sample.about,
        "license": sample.license,
    }


# -- the samples that ship -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("plugin", "kind"), KINDS, ids=[f"{plugin.name}-{kind.name}" for plugin, kind in KINDS])
def test_every_kind_has_a_sample(plugin: Plugin, kind: Kind):
    assert kind.samples


@pytest.mark.parametrize(("plugin", "kind", "sample"), SAMPLES, ids=NAMES)
def test_the_sheet_of_a_sample_has_no_red_row(plugin: Plugin, kind: Kind, sample: Sample, home: Path):
    settings = parse_settings(kind.trained_by, kind.with_sample({"data": sample.value}))
    sheet = kind.examine(settings)[1]
    assert [finding for finding in sheet.findings if finding.level == "red"] == []


QUICK = {"steps": 2, "batch_size": 4, "eval_every": 1, "eval_rows": 10, "eval_images": 10, "device": "cpu"}
SMALL = {  # kinds that fit several models
    "label_efficiency": {"shares": "5", "seeds": 1},
    "compare": {"seeds": 1, "train_images": 200, "hidden_size": 16, "latent_size": 8},
    "shots": {"shots": "0, 1", "seeds": 1, "permutations": 1, "random_labels": False},
    "lora": {"model": "emoji"},
}


@pytest.mark.slow
@pytest.mark.parametrize(("plugin", "kind", "sample"), SAMPLES, ids=NAMES)
def test_a_sample_trains(plugin: Plugin, kind: Kind, sample: Sample, tmp_path: Path, home: Path):
    known = kind.trained_by.settable_fields()
    values = {**QUICK, **SMALL.get(kind.name, {}), "data": sample.value}
    flags = [f"--{name}={value}" for name, value in values.items() if name in known and not isinstance(value, bool)]
    flags += [f"--no-{name.replace('_', '-')}" for name, value in values.items() if value is False]
    code = train_command([plugin.name, kind.name, *flags, "--folder", str(tmp_path / "run")])
    run = Run(tmp_path / "run")
    assert (code, run.status()) == (0, "finished"), run.summary().message
    assert run.artifact.is_dir()
    result = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))["Result"]
    assert result["rows"] and result["better"][0] is not None, "its first figure has no baseline"


def test_samples_are_small_documented_and_written_once():
    files = {path for _, _, sample in SAMPLES for path in sample.files.values()}
    assert max(path.stat().st_size for path in files) < MOST_BYTES
    assert sum(path.stat().st_size for path in files) < MOST_BYTES_TOGETHER
    assert len({path.read_bytes() for path in files}) == len(files)
    for folder in {path.parent for path in files if path.parent.name == "samples"}:
        readme = (folder / "README.md").read_text(encoding="utf-8")
        assert [path.name for path in files if path.parent == folder and path.name not in readme] == []
        assert all(path.relative_to(ROOT).parts[0] == "plugins" for path in files)
