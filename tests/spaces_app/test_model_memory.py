"""Weights are refused by what they take in memory before anything of them is loaded, and dropped by memory."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from plugins._contract import Kind, Plugin
from plugins._discovery import discover
from spaces_app.identity import Caller
from spaces_app.services import Services, loaded_models
from spaces_app.services.loaded_models import RESERVE_BYTES, LoadedModels
from spaces_app.settings import Settings
from training import machine
from training.errors import UserError
from training.nn.placement import LOADING, prediction_dtype, size_in_memory

MB = 2**20
PLUGINS = {found.plugin.name: found.plugin for found in discover("builtin") if found.plugin}


def weights(folder: Path, header: dict[str, Any], content: bytes = b"") -> Path:
    folder.mkdir(exist_ok=True)
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + content)
    return folder


@pytest.mark.parametrize("plugin", PLUGINS.values(), ids=PLUGINS)
def test_starters_beyond_the_memory_are_refused_before_they_are_loaded(
    plugin: Plugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path))
    loaded: list[Path] = []
    monkeypatch.setattr(Kind, "load", lambda kind, folder: loaded.append(folder))
    services = Services(Settings(max_models_mb=1), discover("builtin"))
    for name, folder in plugin.starters.items():
        taken = size_in_memory(folder)
        assert taken > LOADING * sum(path.stat().st_size for path in folder.rglob("*.safetensors")) * 0.9
        if taken < MB:
            continue
        with pytest.raises(UserError, match=rf"{name} takes about \d+ MB of memory; all models together may take 1 MB"):
            services.models.load(plugin, name, None, Caller())
        assert not loaded


def test_a_run_and_a_repository_are_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
    services, plugin = Services(Settings(max_models_mb=100), discover("builtin")), PLUGINS["denoising_ae"]
    kind = plugin.kind("images")
    record = json.dumps({"plugin": plugin.name, "trainer": kind.name})
    run = services.runs.store.create(plugin.name, kind.name, kind.trained_by(), "")
    for folder in (run.artifact, tmp_path / "pulled"):
        weights(folder, {"a": {"dtype": "F16", "shape": [50, MB], "data_offsets": [0, 0]}})
        (folder / "selfsup.json").write_text(record)
    services.models.offer("alice/large@abc", plugin, kind, tmp_path / "pulled", "")
    for name in (run.id, "alice/large@abc"):
        with pytest.raises(UserError, match=rf"{name} takes about 250 MB of memory"):  # 50 Mi numbers of 32 bits
            services.models.load(plugin, name, None, Caller())


@pytest.mark.slow
def test_a_configuration_that_asks_for_more_than_its_files_hold_hurts_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Transformers makes anew what the files lack: 200,000 x 4,098 numbers from a repository of some bytes."""
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SELFSUP_SHARED", "1")
    monkeypatch.setenv("SELFSUP_PREFORK", "0")  # a second interpreter
    services, plugin = Services(Settings(max_models_mb=600), discover("builtin")), PLUGINS["bert_finetune"]
    kind = plugin.kind("classify")
    folder = tmp_path / "pulled"
    folder.mkdir()
    starter = kind.starters[0]
    for path in starter.iterdir():
        if path.suffix == ".json" or path.name.startswith("vocab"):
            (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 200_000, "hidden_size": 4098}))
    save_file({"nothing": torch.zeros(1)}, folder / "model.safetensors", {"format": "pt"})
    services.models.offer("mallory/small@abc", plugin, kind, folder, "guest:m")
    assert size_in_memory(folder) < MB
    monkeypatch.setattr(Kind, "load", lambda *_: pytest.fail("It was loaded in the page's process."))
    with closing(services), pytest.raises(UserError, match="It takes more memory than this server lends"):
        services.models.load(plugin, "mallory/small@abc", None, Caller("guest:m"))


def test_the_least_recently_used_are_dropped_by_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    models, one = LoadedModels(100 * MB), object()
    for key in "abc":
        models.load(key, key, 30 * MB, lambda: one)  # type: ignore[arg-type, return-value]
    assert models.get("a") is one
    models.load("d", "d", 45 * MB, lambda: one)  # type: ignore[arg-type, return-value]
    assert [models.get(key) is one for key in "abcd"] == [True, False, False, True]


def test_the_memory_that_is_free_now_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    models, free = LoadedModels(10_000 * MB), RESERVE_BYTES + 50 * MB
    monkeypatch.setattr(loaded_models.machine, "free_memory_bytes", lambda: free)
    models.load("a", "a", 40 * MB, lambda: object())  # type: ignore[arg-type, return-value]
    with pytest.raises(UserError, match="big takes about 400 MB of memory, and this machine has 306 MB free now"):
        models.load("b", "big", 400 * MB, lambda: pytest.fail("It was loaded."))
    assert models.get("a")


def test_a_header_that_lies_or_is_none_is_no_error_here(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 100)
    assert size_in_memory(tmp_path) == int(LOADING * 100)
    weights(tmp_path, {"__metadata__": {"format": "pt"}, "a": {"dtype": "I8", "shape": [1000], "data_offsets": [0, 0]}})
    assert size_in_memory(tmp_path) == int(LOADING * 1000)


def test_free_memory_is_what_the_container_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"memory.max": 1000 * MB, "memory.current": 700 * MB}
    for name, value in files.items():
        (tmp_path / name).write_text(f"{value}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {100 * MB}\n")
    none = tmp_path / "none"
    monkeypatch.setattr(machine, "CGROUP_MEMORY", (tmp_path / "memory.max", none))
    monkeypatch.setattr(machine, "CGROUP_USED", (tmp_path / "memory.current", none))
    assert machine.free_memory_bytes() == 400 * MB
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.free_memory_bytes() > 1000 * MB


SAME_IN_BF16: dict[tuple[str, str], Callable[[Any], float]] = {  # plugin and kind -> a probability of its starter
    ("bert_finetune", "classify"): lambda model: max(model.classify("a warm and funny film")["probabilities"].values()),
    ("bert_finetune", "tag"): lambda model: model.tag("Play Yesterday")["entities"][0]["probability"],
    ("bert_finetune", "pretrain"): lambda model: model.fill_mask("a [MASK] film")["masks"][0][0]["probability"],
    ("gpt_prompting", "pretrain"): lambda model: model.model.next_token("Once upon a", 1)[0][1],
}


@pytest.mark.parametrize(("plugin", "kind"), SAME_IN_BF16)
def test_predictions_in_bf16_take_half_of_the_memory_and_differ_little(
    plugin: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, probability = PLUGINS[plugin].kind(kind), SAME_IN_BF16[plugin, kind]
    folder = Path(next(iter(known.starters)))
    wide, whole = probability(known.load(folder)), size_in_memory(folder)
    monkeypatch.setenv("SELFSUP_PREDICTION_DTYPE", "bf16")
    narrow: Any = known.load(folder)
    assert probability(narrow) == pytest.approx(wide, abs=0.01)
    assert size_in_memory(folder) < 0.6 * whole
    network = narrow.model if isinstance(narrow.model, torch.nn.Module) else narrow.model.model
    assert torch.bfloat16 in {weight.dtype for weight in network.parameters()}


def test_a_prediction_dtype_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSUP_PREDICTION_DTYPE", "int4")
    with pytest.raises(UserError, match="SELFSUP_PREDICTION_DTYPE is 'int4'; it may be fp32 or bf16"):
        prediction_dtype()
