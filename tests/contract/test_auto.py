"""Settings left to "auto" are decided once, from the data and the weights to start from, and the run says what and why."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins._contract import Kind, Plugin
from plugins._discovery import discover
from plugins.bert_finetune import PLUGIN as BERT
from plugins.bert_finetune import starter
from plugins.bert_finetune.classify.settings import ClassifySettings
from plugins.denoising_ae import PLUGIN as DENOISING
from plugins.diffusion_cfg import PLUGIN as DIFFUSION
from plugins.gpt_prompting import PLUGIN as GPT
from tests import toy
from training.cli.decide import decide_at_start, decide_settings, settings_of_run
from training.cli.flags import settings_from_file
from training.cli.main import main
from training.errors import UserError
from training.events import read_events
from training.preflight import auto
from training.preflight.auto import Choice, count_parameters, decide, fine_tuning_rate, preset_steps, steps_for
from training.preflight.limits import Limits
from training.runs.registry import Runs
from training.runs.run import Run
from training.settings import AUTO, RunSettings, TrainSettings, parse_settings

OPEN = ("steps", "batch_size", "learning_rate", "precision")
KINDS = [
    kind
    for found in discover("builtin")
    if found.plugin
    for kind in found.plugin.trainable
    if issubclass(kind.trained_by, TrainSettings)
]
ENGLISH = [f"the {noun} of this film is {word} and nobody in the town would see it again" for noun in ("story", "music", "acting") for word in ("good", "bad", "slow", "great")]  # fmt: skip
GERMAN = [f"die {noun} dieses Films ist {word}, niemand in der Stadt würde ihn nochmals ansehen" for noun in ("Geschichte", "Musik", "Handlung") for word in ("gut", "schlecht", "langweilig", "großartig")]  # fmt: skip


def write_reviews(path: Path, texts: list[str], times: int = 1) -> Path:
    rows = [
        f"{text} {number},{'good' if index % 2 else 'bad'}"
        for number in range(times)
        for index, text in enumerate(texts)
    ]
    path.write_text("text,label\n" + "\n".join(row.replace(", ", " ") for row in rows) + "\n", encoding="utf-8")
    return path


def decided(kind: str, **values: Any) -> auto.Decision:
    chosen = BERT.kind(kind)
    settings = parse_settings(chosen.trained_by, values)
    return decide_settings(BERT, chosen, chosen.read(settings), settings)


# -- the word ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.module.split('.')[1]}-{kind.name}")
def test_every_kind_leaves_these_to_auto_by_default(kind: Kind) -> None:
    settings = kind.trained_by()
    assert set(OPEN) <= set(settings.undecided())
    assert settings.with_usual().undecided() == []


@pytest.mark.parametrize("name", [*OPEN, "model"])
@pytest.mark.parametrize("word", ["auto", " AUTO "])
def test_the_word_auto_is_taken_for_every_such_field(name: str, word: str) -> None:
    settings = parse_settings(ClassifySettings, {name: word})
    assert name in settings.undecided()
    assert settings.changed() == {}


def test_the_word_is_taken_in_a_run_file(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("settings: {steps: auto, learning_rate: auto, batch_size: 8}\n")
    values = settings_from_file(tmp_path / "run.yaml", "bert_finetune", "classify", ClassifySettings)
    settings = parse_settings(ClassifySettings, values)
    assert (settings.steps, settings.learning_rate, settings.batch_size) == (0, 0, 8)


@pytest.mark.parametrize("word", ["scratch", "Scratch", ""])
def test_scratch_means_new_weights(word: str) -> None:
    settings = parse_settings(ClassifySettings, {"model": word})
    assert settings.model == "" and settings.weights() == [] and "model" not in settings.undecided()


def test_a_field_without_rules_does_not_take_the_word() -> None:
    with pytest.raises(UserError, match=r"^warmup_ratio: 'auto' was given"):
        parse_settings(TrainSettings, {"warmup_ratio": "auto"})


def test_the_schema_offers_the_word() -> None:
    schema = ClassifySettings.model_json_schema()["properties"]
    assert all(schema[name]["default"] == AUTO for name in (*OPEN, "model"))
    assert {"const": AUTO} in schema["learning_rate"]["anyOf"]
    assert schema["learning_rate"]["anyOf"][0]["type"] == "number"


# -- what is decided ---------------------------------------------------------------------------------------------------


def test_english_texts_start_from_the_encoder_and_the_rate_fits_its_size(tmp_path: Path) -> None:
    decision = decided("classify", data=str(write_reviews(tmp_path / "a.csv", ENGLISH, 8)))
    parameters = count_parameters(starter.ENCODER)
    assert decision.settings.model == "bert-6x192"
    assert decision.settings.learning_rate == pytest.approx(3e-4 * math.sqrt(4e6 / parameters), rel=0.05)
    assert decision.settings.undecided() == []


def test_texts_of_another_language_start_from_new_weights(tmp_path: Path) -> None:
    decision = decided("classify", data=str(write_reviews(tmp_path / "a.csv", GERMAN, 8)))
    assert decision.settings.model == "" and decision.settings.learning_rate == 5e-4
    assert "English" in decision.choices["model"].reason


def test_settings_of_a_network_ask_for_new_weights(tmp_path: Path) -> None:
    decision = decided("classify", data=str(write_reviews(tmp_path / "a.csv", ENGLISH)), layers=1, hidden_size=16)
    assert decision.settings.model == ""
    assert decision.choices["model"].reason == "layers and hidden_size describe a new network"


def test_what_is_given_stays(tmp_path: Path) -> None:
    given = {"steps": 7, "learning_rate": 0.01, "batch_size": 4, "precision": "fp32", "model": ""}
    given |= {"contrastive": "off"}
    decision = decided("classify", data=str(write_reviews(tmp_path / "a.csv", ENGLISH)), **given)
    assert decision.choices == {}
    assert {name: decision.settings.value(name) for name in given} == given


def test_more_rows_take_more_steps_up_to_a_ceiling(tmp_path: Path) -> None:
    steps = [
        decided("classify", data=str(write_reviews(tmp_path / f"{times}.csv", ENGLISH, times))).settings.steps
        for times in (4, 400, 4000)
    ]
    assert steps[0] < steps[1] <= steps[2] <= 2000
    assert steps[1] == math.ceil(3 * 400 * len(ENGLISH) * 0.9 / 32)


def test_a_batch_that_was_given_decides_the_steps(tmp_path: Path) -> None:
    data = str(write_reviews(tmp_path / "a.csv", ENGLISH, 400))
    assert decided("classify", data=data, batch_size=64).settings.steps == pytest.approx(
        decided("classify", data=data).settings.steps / 2, abs=1
    )


@pytest.mark.parametrize(
    ("parameters", "rate"), [(4_000_000, 3e-4), (22_000_000, 1.3e-4), (110_000_000, 5.7e-5), (340_000_000, 3.3e-5)]
)
def test_the_rate_falls_with_the_size_of_the_weights(parameters: int, rate: float) -> None:
    assert fine_tuning_rate(parameters).value == rate
    assert rate < fine_tuning_rate(parameters, lora_rank=8).value <= auto.LORA_RATE


def test_few_and_many_rows_have_a_floor_and_a_ceiling() -> None:
    assert [steps_for(rows, 10, 2, 50, 500).value for rows in (1, 1000, 10**6)] == [50, 200, 500]
    assert steps_for(1000, 10, 2, 50, 500, why="so").reason == "1,000 rows, each read about 2 times, so"
    assert "in part" in steps_for(10**6, 10, 2, 50, 500).reason


def test_a_servers_limits_bound_what_is_decided() -> None:
    limits = Limits(max_steps=100, max_batch_size=16)
    decision = decide(TrainSettings(), {"steps": Choice(5000, "many rows")}, limits)
    assert (decision.settings.steps, decision.settings.batch_size) == (100, 16)
    assert "the most that this server allows" in decision.choices["steps"].reason


def test_a_batch_is_a_multiple_of_its_pieces() -> None:
    settings = TrainSettings(gradient_accumulation=3, processes=2)
    assert decide(settings, {}, Limits()).settings.batch_size == 30


def test_presets_are_multiples_of_what_auto_gives() -> None:
    assert preset_steps(500, Limits()) == {"quick": 150, "balanced": 500, "thorough": 1500}
    assert preset_steps(500, Limits(max_steps=600))["thorough"] == 600
    assert preset_steps(15, Limits()) == {"quick": 15, "balanced": 15, "thorough": 45}  # what auto takes stays so


def test_quick_takes_about_a_minute_where_steps_are_slow() -> None:
    assert preset_steps(500, Limits(), quick=40) == {"quick": 40, "balanced": 500, "thorough": 1500}
    assert preset_steps(100, Limits(), quick=40)["quick"] == 30


@pytest.mark.parametrize(("plugin", "name"), [(GPT, "pretrain"), (DIFFUSION, "denoiser")])
def test_quick_is_short_on_sample_data(plugin: Plugin, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.machine.gpus", lambda: 0)
    kind = plugin.kind(name)
    settings = parse_settings(kind.trained_by, {"data": str(kind.samples[0].files["data"])})
    steps = decide_settings(plugin, kind, kind.read(settings), settings).record()["steps"]
    presets = preset_steps(int(steps["value"]), Limits(), steps["quick"])
    assert presets["quick"] == 40 and presets["balanced"] >= 200


def test_tables_start_from_new_weights_and_gpt_from_its_starter(tmp_path: Path) -> None:
    rows = "\n".join(f"{n},{n * 2},{'ab'[n % 2]}" for n in range(200))
    (tmp_path / "t.csv").write_text(f"x,y,c\n{rows}\n")
    (tmp_path / "t.txt").write_text("\n\n".join(ENGLISH * 40))
    for plugin, name, file, model in ((DENOISING, "tables", "t.csv", ""), (GPT, "pretrain", "t.txt", "tales")):
        kind = plugin.kind(name)
        settings = parse_settings(kind.trained_by, {"data": str(tmp_path / file)})
        assert decide_settings(plugin, kind, kind.read(settings), settings).settings.value("model") == model


def test_bf16_is_chosen_where_it_is_fast_and_the_network_is_no_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    for speedup, parameters, wanted in ((3.0, 4_000_000, "bf16"), (1.1, 4_000_000, "fp32"), (3.0, 9000, "fp32")):
        monkeypatch.setattr(auto, "bf16_speedup", lambda device, speedup=speedup: speedup)
        assert auto.precision(TrainSettings(), parameters).value == wanted


# -- the run -----------------------------------------------------------------------------------------------------------


class OpenSettings(TrainSettings):
    """Of a kind without rules."""


def toy_run(folder: Path, **values: Any) -> tuple[Run, RunSettings]:
    settings = OpenSettings(**values)
    return Runs(folder).create("toy", "fit", settings), settings


OPEN_KIND = Kind("fit", "Fit", "tests.toy", OpenSettings)


def test_what_was_decided_is_an_event_and_a_resumed_run_has_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, settings = toy_run(tmp_path)
    heard: list[dict] = []
    data = toy.ToyData(toy.make_points(9, 0))
    first = decide_at_start(run, toy.PLUGIN, OPEN_KIND, data, settings, heard.append)
    (event,) = [event for event in read_events(run.folder / "events.jsonl")[0] if event["event"] == "auto"]
    assert event == heard[0]
    assert event["choices"]["steps"] == {"value": 600, "reason": auto.USUAL}
    monkeypatch.setattr(auto, "USUAL", "another")  # rules change, a run does not
    monkeypatch.setattr("training.cli.decide.decide_settings", lambda *_: pytest.fail("decided twice"))
    again = settings_of_run(Run(run.folder), toy.PLUGIN, OPEN_KIND, settings)
    assert again == first
    assert decide_at_start(run, toy.PLUGIN, OPEN_KIND, data, again, heard.append) == first


def test_a_run_from_before_there_was_auto_resumes_as_it_began(tmp_path: Path) -> None:
    run, settings = toy_run(tmp_path)
    run.write_event("started", step=0, steps=600)
    resumed = settings_of_run(run, toy.PLUGIN, OPEN_KIND, settings)
    assert (resumed.value("steps"), resumed.value("learning_rate"), resumed.value("precision")) == (600, 5e-4, "fp32")


def test_weights_that_an_altered_record_names_are_refused(tmp_path: Path) -> None:
    settings = ClassifySettings()
    run = Runs(tmp_path).create("bert_finetune", "classify", settings)
    run.write_event("auto", choices={"model": {"value": "/etc", "reason": ""}}, message="")
    with pytest.raises(UserError, match="weights that are no starter"):
        settings_of_run(run, BERT, BERT.kind("classify"), settings)


def test_a_value_that_an_altered_record_puts_out_of_range_is_refused(tmp_path: Path) -> None:
    run, settings = toy_run(tmp_path)
    run.write_event("auto", choices={"learning_rate": {"value": 99, "reason": ""}}, message="")
    with pytest.raises(UserError, match=r"^learning_rate"):
        settings_of_run(run, toy.PLUGIN, OPEN_KIND, settings)


def test_a_run_file_keeps_auto_open(tmp_path: Path) -> None:
    run, _ = toy_run(tmp_path)
    assert yaml.safe_load((run.folder / "config.yaml").read_text())["settings"] == {}


def test_another_process_takes_what_the_first_decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, settings = toy_run(tmp_path)
    monkeypatch.setattr("training.cli.decide.is_first", lambda: False)
    monkeypatch.setattr("training.cli.decide.time.sleep", lambda seconds: run.write_event("auto", choices=decide(settings, {"steps": Choice(7, "")}, Limits()).record(), message=""))  # fmt: skip
    data = toy.ToyData(toy.make_points(9, 0))
    assert decide_at_start(run, toy.PLUGIN, OPEN_KIND, data, settings, print).value("steps") == 7


def test_a_servers_limits_hold_for_a_record_that_was_altered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, settings = toy_run(tmp_path)
    run.write_event("auto", choices={"steps": {"value": 5000, "reason": ""}}, message="")
    monkeypatch.setenv("SELFSUP_MAX_STEPS", "100")
    with pytest.raises(UserError, match="steps: 5000 were asked for; this server allows 100"):
        settings_of_run(run, toy.PLUGIN, OPEN_KIND, settings)


def test_a_run_with_nothing_else_set_starts_from_the_starter_and_its_card_says_why(tmp_path: Path) -> None:
    data = write_reviews(tmp_path / "a.csv", ENGLISH, 2)
    folder = tmp_path / "run"
    assert main(["bert_finetune", "classify", "--data", str(data), "--steps", "1", "--folder", str(folder)]) == 0
    record = json.loads((folder / "artifact" / "selfsup.json").read_text())
    assert record["settings"]["model"] == "bert-6x192"
    assert record["lineage"] and record["auto"]["learning_rate"]["reason"].startswith("pre-trained weights of 4.")
    assert "steps" not in record["auto"]
    card = (folder / "artifact" / "README.md").read_text()
    assert "Of these, decided from the data" in card and "| bert-6x192 | pre-trained on English texts" in card
    described = Run(folder).describe()
    assert described["status"] == "finished" and described["steps"] == 1


def test_the_sheet_has_what_was_decided_and_presets_with_their_seconds(tmp_path: Path) -> None:
    data = write_reviews(tmp_path / "a.csv", ENGLISH, 2)
    out = tmp_path / "sheet.json"
    tiny = ["--layers", "1", "--heads", "1", "--hidden-size", "16", "--vocabulary-size", "200"]
    assert main(["check", "bert_finetune", "classify", "--data", str(data), "--out", str(out), *tiny]) == 0
    sheet = json.loads(out.read_text())
    assert sheet["decided"]["steps"]["value"] == 300
    assert any(row["title"] == "Steps: 300" for row in sheet["findings"])
    assert {name: sheet["presets"][name]["steps"] for name in sheet["presets"]} == {"quick": 90, "balanced": 300, "thorough": 900}  # fmt: skip
    assert 0 < sheet["presets"]["quick"]["seconds"] < sheet["presets"]["thorough"]["seconds"]


@pytest.mark.parametrize(("values", "reason"), [({"max_length": 1024}, "512 positions"), ({"size": "bert-base"}, "size describes a new network")])  # fmt: skip
def test_a_starter_that_cannot_do_what_is_asked_is_no_start(tmp_path: Path, values: dict, reason: str) -> None:
    (tmp_path / "t.txt").write_text("\n\n".join(ENGLISH * 40))
    choice = decided("pretrain", data=str(tmp_path / "t.txt"), **values).choices["model"]
    assert choice.value == "" and reason in choice.reason


@pytest.mark.parametrize(("classes", "rate"), [(2, 2.9e-4), (40, 8.7e-4)])
def test_many_labels_take_a_higher_rate_and_more_steps(tmp_path: Path, classes: int, rate: float) -> None:
    rows = [f"{text} {number},label{number % classes}" for number in range(120) for text in ENGLISH[:3]]
    (tmp_path / "a.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    settings = decided("classify", data=str(tmp_path / "a.csv")).settings
    assert settings.learning_rate == pytest.approx(rate)
    assert settings.steps == max(150, 8 * classes)


def test_headlines_full_of_names_pass_for_english_with_the_text_beside_them(tmp_path: Path) -> None:
    names = "Xbox360 NVidia-SLI Qwest/Verizon AOL-TimeWarner"
    rows = [f"{names},{text} {number},{'good' if number % 2 else 'bad'}" for number, text in enumerate(ENGLISH * 3)]
    (tmp_path / "a.csv").write_text("sentence1,sentence2,label\n" + "\n".join(rows) + "\n")
    assert decided("classify", data=str(tmp_path / "a.csv")).settings.model == "bert-6x192"
