"""A hostile or damaged repository: nothing runs, nothing leaves the folder, and the reason is said before weights are fetched."""

from __future__ import annotations

import json
import pickle
import secrets
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from plugins.bert_finetune.classify.predictor import load
from tests import loopback
from tests.loopback import AT_ONCE, Hub
from training.errors import UserError
from training.hub import file_contents

url, hub = loopback.url, loopback.hub  # fixtures
WEIGHTS = save({"weight": np.arange(6, dtype=np.float32)})
BERT = json.dumps({"architectures": ["BertForSequenceClassification"], "model_type": "bert"}).encode()


class Bomb:
    """Unpickled, it writes a file."""

    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self) -> Any:
        return Path.touch, (self.target,)


def name() -> str:
    return f"alice/{secrets.token_hex(4)}"


def config(**values: Any) -> bytes:
    return json.dumps({"model_type": "bert", **values}).encode()


REFUSED = {
    "vocabulary outside": ({"tokenizer_config.json": config(vocab_file="../../.env")}, "points outside its folder"),
    "vocabulary outside, nested": ({"config.json": config(a={"b": [{"vocab_file": "/etc/passwd"}]})}, "points outside its folder"),
    "code of the Hub": ({"config.json": config(attn_implementation="evil/kernel")}, "asks for code of the Hub"),
    "no JSON": ({"config.json": b"{nothing"}, "config.json of .* is not valid JSON"),
    "nested too deeply": ({"tokenizer_config.json": b"[" * 100_000 + b"]" * 100_000}, "is nested too deeply"),
    "a header longer than its file": ({"model.safetensors": struct.pack("<Q", 2**40) + b"{}"}, "is damaged"),
    "a header that is none": ({"model.safetensors": struct.pack("<Q", 4) + b"nope"}, "is damaged"),
    "no weights": ({"model.safetensors": None, "config.json": BERT}, "has no safetensors file"),
    "a zip that calls itself weights": ({"model.safetensors": b"PK\\x03\\x04" + b"\\0" * 100}, "is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_repository_is_refused_in_words(hub: Hub, case: str):
    files, message = REFUSED[case]
    all_files = {"config.json": BERT, "model.safetensors": WEIGHTS, **files}
    repo = hub.make(name(), {each: text for each, text in all_files.items() if text is not None})
    with pytest.raises(UserError, match=message):
        raise UserError(hub.call("pull", repo)["error"])


def test_pickle_beside_weights_is_never_fetched(hub: Hub, tmp_path: Path):
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))
    repo = hub.make(
        name(), {"config.json": BERT, "model.safetensors": WEIGHTS, "pytorch_model.bin": bomb, "evil.py": b"1/0"}
    )
    folder = Path(hub.call("pull", repo)["result"])
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert not [path for path in hub.home.rglob("*") if path.is_file() and path.read_bytes() == bomb]


def test_weights_that_are_a_pickle_only_are_refused_with_what_to_do(hub: Hub, tmp_path: Path):
    repo = hub.make(name(), {"config.json": BERT, "pytorch_model.bin": pickle.dumps(Bomb(tmp_path / "exploded"))})
    error = hub.call("pull", repo)["error"]
    assert "as a pickle only (pytorch_model.bin), which can run code" in error and "safetensors/convert" in error
    assert not (tmp_path / "exploded").exists()
    assert not list(hub.home.rglob("*.bin"))


def test_gated_repository_is_a_sentence_of_its_own(hub: Hub):
    repo = hub.make(name(), {"config.json": BERT, "model.safetensors": WEIGHTS}, gated="manual")
    assert hub.call("pull", repo, token="hf_bob_read")["error"].startswith(f"{repo} is gated: ask for access")


def test_code_of_the_repository_is_not_run(tmp_path: Path):
    """`auto_map` is let through: the code it names is never fetched, and no loader trusts it."""
    (tmp_path / "config.json").write_bytes(config(auto_map={"AutoConfig": "evil.Config"}, model_type="evil"))
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'exploded')!r}, 'w')")
    (tmp_path / "model.safetensors").write_bytes(WEIGHTS)
    with pytest.raises(UserError, match="cannot be loaded as a text classifier"):
        load(tmp_path)
    assert not (tmp_path / "exploded").exists()


def test_tensors_that_do_not_match_their_configuration_are_refused(tmp_path: Path):
    sizes = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "vocab_size": 9,
    }
    about = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", **sizes}
    (tmp_path / "config.json").write_text(json.dumps(about))
    weight = np.ones((3, 3), dtype=np.float32)
    (tmp_path / "model.safetensors").write_bytes(
        save({"bert.embeddings.word_embeddings.weight": weight}, {"format": "pt"})
    )
    with pytest.raises(UserError, match="cannot be loaded as a text classifier"):
        load(tmp_path)


def test_link_out_of_the_cache_is_refused(tmp_path: Path):
    cache = tmp_path / "cache"
    cache.mkdir()
    (tmp_path / "secret.json").write_text("{}")
    (cache / "config.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(UserError, match="is a link out of the cache"):
        file_contents.check_contents(cache, ["config.json"], cache, "alice/linked")


# -- bad days ---------------------------------------------------------------------------------------------------------

PASSING: dict[str, dict[str, Any]] = {
    "500 for the listing": {"kind": "status", "status": 500, "path": "/api/models/", "times": 1, "headers": AT_ONCE},
    "503 for the listing": {"kind": "status", "status": 503, "path": "/api/models/", "times": 2, "headers": AT_ONCE},
    "429 with a time to wait": {"kind": "rate_limit", "retry_after": 1, "path": "/api/models/", "times": 1},
    "a file cut": {"kind": "drop", "after_bytes": 100_000, "path": "/cdn/|/xorb-data/", "times": 1},
    "a file's connection reset": {"kind": "reset", "after_bytes": 100_000, "path": "/cdn/|/xorb-data/", "times": 1},
    "a file truncated": {"kind": "truncate", "bytes": 1000, "path": "/cdn/|/xorb-data/", "times": 1},
    "503 for a file": {"kind": "status", "status": 503, "path": "/cdn/|/xorb-data/", "times": 1},
}


@pytest.mark.parametrize("way", [{}, {"HF_HUB_DISABLE_XET": "1"}], ids=["xet", "lfs"])
@pytest.mark.parametrize("fault", PASSING)
def test_pull_comes_through_a_fault_that_passes(hub: Hub, fault: str, way: dict[str, str]):
    weights = save({"weight": np.random.default_rng().random(50_000)})
    make = hub.make if way else hub.upload
    repo = make(name(), {"config.json": BERT, "model.safetensors": weights})
    hub.fault(**PASSING[fault])
    before = hub.faults_met()
    answer = hub.call("pull", repo, environment=way)
    hub.mend()
    assert hub.faults_met() > before
    assert (Path(answer["result"]) / "model.safetensors").read_bytes() == weights, answer


def test_disk_that_fills_is_said_and_nothing_torn_is_left(hub: Hub):
    repo = hub.make(name(), {"config.json": BERT, "model.safetensors": save({"weight": np.ones(10**6)})})
    answer = hub.call("pull", repo, environment={"HF_HUB_DISABLE_XET": "1"}, file_limit=10**6)
    assert answer["error"].startswith(f"The disk is full: {repo} could not be stored")
    assert [path for path in hub.home.rglob("*") if path.is_file() and path.stat().st_size >= 10**6] == []
    assert "result" in hub.call("pull", repo, environment={"HF_HUB_DISABLE_XET": "1"})
