"""What makes large networks fit, in every kind that offers it: gradient checkpointing, weights in bf16."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.utils import set_seed
from safetensors.torch import load_file

from plugins import bert_finetune, diffusion_cfg, gpt_prompting
from plugins._contract import Kind
from tests import tiny_gpt
from tests.running import events, losses
from tests.tiny_diffusion import tiny_pipeline
from training.errors import UserError
from training.fit.large_network import enable_gradient_checkpointing, prepare_network, use_bf16_weights
from training.fit.live_bytes import LiveBytes
from training.fit.loop import fit
from training.nn.cpu_copy import cpu_copy
from training.settings import LargeNetwork, TrainSettings, parse_settings

TINY = {"layers": 6, "heads": 2, "hidden_size": 32, "vocabulary_size": 400, "max_length": 32}
IMAGES = {"image_size": 16, "size": "tiny", "preview_steps": 1}
SIZES: dict[str, dict[str, Any]] = {
    "pretrain": TINY,
    "classify": TINY,
    "encode": TINY | {"dropout": 0.1},  # without dropout the two vectors of a sentence are one
    "tag": TINY,
    "answer": TINY | {"max_length": 64},
    "translate": TINY | {"decoder_layers": 4, "beams": 1},
    "denoiser": IMAGES | {"ema_decay": 0.0},
    "autoencoder": {"image_size": 16, "ema_decay": 0.0},
    "lora": {"image_size": 8, "preview_steps": 1},
}
COMMON = {"steps": 3, "batch_size": 4, "learning_rate": 1e-3, "device": "cpu", "dropout": 0.0, "eval_rows": 8}
KINDS = [
    kind
    for plugin in (bert_finetune.PLUGIN, gpt_prompting.PLUGIN, diffusion_cfg.PLUGIN)
    for kind in plugin.trainable
    if issubclass(kind.trained_by, LargeNetwork) and kind.name != "label_efficiency"
]
NAMES = [f"{kind.module.split('.')[1]}-{kind.name}" for kind in KINDS]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline")
    tiny_pipeline().save_pretrained(folder)
    return folder


def settings_of(kind: Kind, pipeline: Path, **values: Any) -> Any:
    known = kind.trained_by
    start = str(pipeline) if kind.name == "lora" else "scratch"
    given = {"model": start, "precision": "fp32", **COMMON, **SIZES[kind.name], **values}
    given = {name: value for name, value in given.items() if name in known.model_fields}
    return parse_settings(known, kind.with_sample({"data": kind.samples[0].value, **given}))


def build(kind: Kind, settings: TrainSettings) -> Any:
    return kind.build(kind.read(settings), settings)


def step(task: Any, rows: int = 4) -> tuple[int, float, torch.Tensor]:
    """Bytes alive after a forward pass, beside the weights; the loss; and all gradients."""
    set_seed(0)
    batch = task.collate([task.train_data[row] for row in range(rows)], np.random.default_rng(0), training=True)
    set_seed(0)
    gc.collect()
    with LiveBytes([*task.model.parameters(), *task.model.buffers()]) as live:
        loss = task.losses(task.model.train(), batch).mean()
        held = live.now
    loss.backward()
    gradients = [parameter.grad.flatten() for parameter in task.model.parameters() if parameter.grad is not None]
    return held, float(loss.detach()), torch.cat(gradients)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_gradient_checkpointing_gives_the_same_gradients_from_less_memory(kind: Kind, pipeline: Path) -> None:
    plain, checkpointed = (
        build(kind, settings_of(kind, pipeline, gradient_checkpointing=value)) for value in (False, True)
    )
    for task in (plain, checkpointed):
        prepare_network(task.model, task.settings)
    held, loss, gradients = step(plain)
    less, same_loss, same_gradients = step(checkpointed)
    assert same_loss == pytest.approx(loss, rel=1e-6)
    torch.testing.assert_close(same_gradients, gradients, rtol=1e-4, atol=1e-6)
    assert less < 0.75 * held, (less, held)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_weights_in_bf16_train_and_leave_an_artifact_in_fp32(kind: Kind, pipeline: Path, tmp_path: Path) -> None:
    settings = settings_of(kind, pipeline, weights_dtype="bf16", precision="bf16", half_precision=False)
    task = build(kind, settings)
    fit(task, settings, tmp_path)
    frozen_or_all = [p for p in task.model.parameters() if not p.requires_grad] or list(task.model.parameters())
    assert {p.dtype for p in frozen_or_all} == {torch.bfloat16}
    assert all(np.isfinite(loss) for loss in losses(tmp_path).values())
    assert events(tmp_path, "finished")
    files = [*(tmp_path / "artifact").rglob("*.safetensors")]
    dtypes = {tensor.dtype for path in files for tensor in load_file(path).values() if tensor.is_floating_point()}
    assert dtypes == {torch.float32}


def test_adapters_on_frozen_bf16_weights_stay_in_fp32_and_the_artifact_has_their_sum(tmp_path: Path) -> None:
    kind = gpt_prompting.PLUGIN.kind("pretrain")
    start = tiny_gpt.save(tmp_path / "start")
    texts = tmp_path / "texts.txt"
    texts.write_text("\n<|endoftext|>\n".join(tiny_gpt.document(np.random.default_rng(seed)) for seed in range(20)))
    values = {**COMMON, "steps": 20, "learning_rate": 0.01, "max_length": 48, "lora_rank": 2}
    settings = parse_settings(
        kind.trained_by,
        {**values, "data": str(texts), "model": str(start), "weights_dtype": "bf16", "precision": "bf16"},
    )
    task = build(kind, settings)
    assert {p.dtype for p in task.model.parameters() if not p.requires_grad} == {torch.bfloat16}  # loaded so
    fit(task, settings, tmp_path)
    trained = {name: p for name, p in task.model.named_parameters() if p.requires_grad}
    assert {p.dtype for p in trained.values()} == {torch.float32}
    curve = list(losses(tmp_path).values())
    assert curve[-1] < curve[0]
    saved = load_file(tmp_path / "artifact" / "model.safetensors")["transformer.h.0.attn.c_attn.weight"]
    layer = task.model.get_submodule("base_model.model.transformer.h.0.attn.c_attn")
    low_rank = layer.lora_B["default"].weight @ layer.lora_A["default"].weight * layer.scaling["default"]
    torch.testing.assert_close(saved, layer.base_layer.weight.float() + low_rank.T, rtol=1e-5, atol=1e-6)


def test_a_network_without_gradient_checkpointing_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="gradient_checkpointing: a Sequential does not support it"):
        enable_gradient_checkpointing(torch.nn.Sequential(torch.nn.Linear(2, 2)))


def test_weights_in_bf16_take_half_the_bytes() -> None:
    model = torch.nn.Linear(64, 64)
    use_bf16_weights(model)
    assert {parameter.element_size() for parameter in model.parameters()} == {2}


def test_a_copy_keeps_shared_weights_shared_and_the_original_as_it_was() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    model[1].weight = model[0].weight
    copied = cpu_copy(model, torch.float16)
    assert copied[1].weight is copied[0].weight and copied[0].weight.dtype == torch.float16
    assert model[0].weight.dtype == torch.float32
    assert torch.equal(copied[0].weight.float(), model[0].weight.half().float())


def test_live_bytes_are_those_of_tensors_that_are_still_alive() -> None:
    known = torch.zeros(10)
    with LiveBytes([known]) as live:
        view, kept = known[2:], torch.zeros(100)
        assert live.now == 400
        other = torch.ones(50) + 1
        del other, view
        assert (live.now, live.peak) == (400, 800)
        del kept
        assert live.now == 0
