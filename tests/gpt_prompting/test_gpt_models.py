"""Local language models: probabilities, packs of rows, generation, all beside transformers' own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.gpt_prompting.models import detokenizer, prefix_tree_scoring
from plugins.gpt_prompting.models.interface import Sampling, replace_surrogates
from plugins.gpt_prompting.models.kv_cache import Gpt2Decoder, TransformersDecoder
from plugins.gpt_prompting.models.sampling import sample_tokens
from plugins.gpt_prompting.models.transformers_model import TransformersModel
from tests import tiny_gpt
from training.errors import UserError


@pytest.fixture(scope="module")
def model() -> TransformersModel:
    words, network = tiny_gpt.taught()
    return TransformersModel(words, network)


def other_networks(vocabulary: int) -> dict[str, Any]:
    from transformers import LlamaConfig, LlamaForCausalLM, MambaConfig, MambaForCausalLM

    torch.manual_seed(0)
    size = {"vocab_size": vocabulary, "hidden_size": 32, "num_hidden_layers": 2}
    llama = LlamaConfig(**size, intermediate_size=64, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=160)  # fmt: skip
    return {"llama": LlamaForCausalLM(llama).eval(), "mamba": MambaForCausalLM(MambaConfig(**size)).eval()}


def by_hand(model: TransformersModel, context: str, continuation: str) -> float:
    """Log-likelihood of a continuation, by one plain forward pass."""
    head, whole = (model.tokenizer(text)["input_ids"] for text in (context, context + continuation))
    with torch.no_grad():
        logits = model.model(torch.tensor([whole])).logits[0].log_softmax(-1)
    return sum(float(logits[at - 1, whole[at]]) for at in range(len(head), len(whole)))


CONTEXTS = ["Text: a warm film\nLabel: good\n\n" * 3 + f"Text: {each}\nLabel:" for each in ("a dull plot", "it", "a warm and a lovely, moving song")]  # fmt: skip
LABELS = [" good", " bad", " good film", " quite unheard of"]


def test_packed_log_likelihoods_are_those_of_plain_passes(model: TransformersModel) -> None:
    found = model.log_likelihoods(CONTEXTS, [LABELS] * 3)
    plain = [[by_hand(model, context, label) for label in LABELS] for context in CONTEXTS]
    assert np.allclose(found, plain, atol=1e-4)


@pytest.mark.parametrize("kind", ["llama", "mamba"])
def test_other_architectures_give_the_same_by_the_way_that_suits_them(model: TransformersModel, kind: str) -> None:
    other = TransformersModel(model.tokenizer, other_networks(len(model.tokenizer))[kind])
    found = other.log_likelihoods(CONTEXTS, [LABELS] * 3)
    assert np.allclose(found, [[by_hand(other, c, label) for label in LABELS] for c in CONTEXTS], atol=1e-4)
    assert prefix_tree_scoring.supports_tree_attention(other.model) == (kind == "llama")


tokens = st.integers(0, 60)
questions = st.builds(
    prefix_tree_scoring.ScoringRequest,
    st.lists(tokens, min_size=1, max_size=12).map(lambda own: [5] * 9 + own),
    st.lists(st.lists(tokens, min_size=1, max_size=4), min_size=1, max_size=4),
)


@settings(max_examples=20)
@given(st.lists(questions, min_size=1, max_size=6), st.integers(1, 60))
def test_whatever_is_packed_together_scores_alike(asked: list[prefix_tree_scoring.ScoringRequest], size: int) -> None:
    network = tiny_gpt.taught()[1]
    packed = [values for _, values in prefix_tree_scoring.score_packed(network, asked, size)]
    plain = [values for _, values in prefix_tree_scoring.score_padded(network, asked)]
    assert [len(values) for values in packed] == [len(question.continuations) for question in asked]
    assert np.allclose(np.concatenate(packed), np.concatenate(plain), atol=1e-4)


def test_scoring_leaves_no_inference_mode_behind(model: TransformersModel) -> None:
    for _ in model.score(CONTEXTS, [LABELS] * 3):
        assert not torch.is_inference_mode_enabled()
    for _ in model.stream("Text:", Sampling(new_tokens=3)):
        assert not torch.is_inference_mode_enabled()


def test_a_context_that_is_too_long_loses_its_beginning(model: TransformersModel) -> None:
    ending = "Text: a warm film\nLabel:"
    long = ("a dull plot " * 200) + ending
    found = model.log_likelihoods([long], [[" good", " bad"]])
    ids, labels = model.tokenizer(long)["input_ids"], model.tokenizer([" good", " bad"])["input_ids"]
    kept = ids[-model.context + max(map(len, labels)) - 1 :]
    [(_, plain)] = prefix_tree_scoring.score_padded(model.model, [prefix_tree_scoring.ScoringRequest(kept, labels)])
    assert len(ids) > 2 * model.context and np.allclose(found[0], plain, atol=1e-4)


# -- generation --------------------------------------------------------------------------------------------------------


def written(model: TransformersModel, prompt: str, how: Sampling) -> Any:
    *_, last = model.stream(prompt, how)
    return last


def by_transformers(model: TransformersModel, prompt: str, seed: int = 0, **how: Any) -> str:
    ids = model.tokenizer(prompt, return_tensors="pt").input_ids
    torch.manual_seed(seed)
    with torch.no_grad():
        found = model.model.generate(ids, pad_token_id=0, **how)[0, ids.shape[1] :]
    return model.tokenizer.decode(found, skip_special_tokens=True)


PROMPT = "Text: a warm film and a dull plot\nLabel:"


def test_greedy_text_is_that_of_generate(model: TransformersModel) -> None:
    [answer] = written(model, PROMPT, Sampling(new_tokens=40, temperature=0))
    assert answer.text == by_transformers(model, PROMPT, max_new_tokens=40, do_sample=False)
    assert "".join(token.text for token in answer.tokens) == answer.text and answer.finished == "length"


def test_the_same_seed_draws_what_generate_draws(model: TransformersModel) -> None:
    rules = {"temperature": 0.7, "top_k": 30, "top_p": 0.9, "min_p": 0.02, "repetition_penalty": 1.3}
    [answer] = written(model, PROMPT, Sampling(new_tokens=30, seed=4, **rules))
    assert answer.text == by_transformers(model, PROMPT, seed=4, max_new_tokens=30, do_sample=True, **rules)
    [again] = written(model, PROMPT, Sampling(new_tokens=30, seed=4, **rules))
    [other] = written(model, PROMPT, Sampling(new_tokens=30, seed=5, **rules))
    assert again.text == answer.text != other.text


def test_the_own_step_of_gpt2_is_that_of_transformers(
    model: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Sampling(new_tokens=20, temperature=1.2, alternatives=3, seed=1)
    ids = model.tokenizer(PROMPT)["input_ids"]
    *_, own = sample_tokens(model.model, model.tokenizer, ids, rows)
    monkeypatch.setattr("plugins.gpt_prompting.models.sampling.incremental_decoder", lambda network, rows, most: TransformersDecoder(network, rows))  # fmt: skip
    *_, plain = sample_tokens(model.model, model.tokenizer, ids, rows)
    assert [answer.text for answer in own] == [answer.text for answer in plain]
    assert len({answer.text for answer in own}) == 3


def test_gpt2_is_stepped_by_its_own_stepper_and_others_are_not(model: TransformersModel) -> None:
    from plugins.gpt_prompting.models.kv_cache import incremental_decoder

    assert isinstance(incremental_decoder(model.model, 1, 10), Gpt2Decoder)
    for network in other_networks(100).values():
        assert isinstance(incremental_decoder(network, 1, 10), TransformersDecoder)


@pytest.mark.parametrize("kind", ["llama", "mamba"])
def test_other_architectures_write_what_generate_writes(model: TransformersModel, kind: str) -> None:
    other = TransformersModel(model.tokenizer, other_networks(len(model.tokenizer))[kind])
    [answer] = written(other, PROMPT, Sampling(new_tokens=12, temperature=0))
    assert answer.text == by_transformers(other, PROMPT, max_new_tokens=12, do_sample=False)


def test_probabilities_are_the_models_own_and_the_first_rival_is_the_greedy_token(model: TransformersModel) -> None:
    [answer] = written(model, PROMPT, Sampling(new_tokens=6, temperature=0, shown=3))
    best = model.next_token(PROMPT, 3)
    assert dict(answer.tokens[0].others) == pytest.approx(dict(best), abs=1e-5)
    assert answer.tokens[0].probability == pytest.approx(best[0][1], abs=1e-5)


def test_a_stop_string_ends_the_text_before_it_and_its_beginning_is_never_shown(model: TransformersModel) -> None:
    how = Sampling(new_tokens=60, temperature=0, stop=("\n\nText",))
    states = [answers[0] for answers in model.stream(PROMPT, how)]
    assert states[-1].finished == "stop string" and "\n\n" not in states[-1].text
    assert all("\n\nT" not in state.text for state in states)
    assert "".join(token.text for token in states[-1].tokens) == states[-1].text


def test_the_end_of_text_ends_it(model: TransformersModel, monkeypatch: pytest.MonkeyPatch) -> None:
    first = model.tokenizer(" good")["input_ids"][0]
    monkeypatch.setattr(model.model.generation_config, "eos_token_id", [first, 0])
    [answer] = written(model, "Text: a warm film and a lovely plot\nLabel:", Sampling(new_tokens=9, temperature=0))
    assert (answer.text, answer.finished) == ("", "end of text")


def test_it_writes_up_to_the_end_of_the_context_and_refuses_beyond(model: TransformersModel) -> None:
    room = model.context - len(model.tokenizer(PROMPT)["input_ids"])
    [answer] = written(model, PROMPT, Sampling(new_tokens=400, temperature=0))
    assert len(answer.tokens) <= room
    with pytest.raises(UserError, match="the context is 160"):
        written(model, "a warm film " * 200, Sampling())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"temperature": -1}, "temperature: -1 was given"),
        ({"top_p": 0}, "leaves no token"),
        ({"new_tokens": 0}, "new_tokens: 0 was given"),
        ({"temperature": 0, "alternatives": 2}, "all be the same"),
    ],
)
def test_rules_that_cannot_be_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Sampling(**values)


def test_an_empty_prompt_is_refused(model: TransformersModel) -> None:
    with pytest.raises(UserError, match="empty"):
        written(model, "", Sampling())


# -- texts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Grüße 🎉 an alle", "a\x00b\x1b[31m", "日本語 と English", "  two  blanks\n\n"])
def test_pieces_put_together_are_the_text(model: TransformersModel, text: str) -> None:
    assert "".join(model.tokens(text)) == text
    ids = model.tokenizer(text)["input_ids"]
    stream = detokenizer.StreamingDetokenizer(model.tokenizer)
    assert "".join(stream.add(token) for token in ids) == text


def test_unpaired_surrogates_become_replacement_characters(model: TransformersModel) -> None:
    assert replace_surrogates("a\ud800b") == "a\ufffdb" and replace_surrogates("😀") == "😀"
    assert model.next_token("a\ud800b", 1) and model.score_tokens("\udfff film", 1)


def test_reading_gives_every_token_its_probability(model: TransformersModel) -> None:
    text = "Text: a warm film"
    found = model.score_tokens(text, 2)
    assert "".join(token.text for token in found) == text
    assert all(0 < token.probability <= 1 and len(token.others) == 2 for token in found if token.probability)
    whole = sum(np.log(token.probability) for token in found if token.probability)
    start = model.tokenizer.eos_token
    assert whole == pytest.approx(by_hand(model, start, text), abs=1e-3)


def test_a_text_longer_than_the_context_is_read_in_windows(model: TransformersModel) -> None:
    text = tiny_gpt.document(np.random.default_rng(5), 30)
    found = model.score_tokens(text, 0)
    assert len(found) == model.count(text) > 2 * model.context
    assert all(token.probability is not None for token in found)


def test_the_fingerprint_is_of_the_parameters(model: TransformersModel) -> None:
    before = model.fingerprint()
    assert len(before) == 64 and model.fingerprint() == before
    with torch.no_grad():
        model.model.transformer.wte.weight[0, 0] += 1
    assert model.fingerprint() != before
    with torch.no_grad():
        model.model.transformer.wte.weight[0, 0] -= 1
