"""Processes are told to be of the same data by what the network is given, not by how many rows there are alone."""

from __future__ import annotations

import torch

from tests.layered import LayeredTask, settings_of
from training.fit.data_fingerprint import data_fingerprint

SETTINGS = settings_of()


def test_equal_tasks_have_equal_fingerprints_and_others_have_not() -> None:
    own = data_fingerprint(LayeredTask(), SETTINGS)
    assert own == data_fingerprint(LayeredTask(), SETTINGS)
    other_rows, fewer_held_out = LayeredTask(), LayeredTask(eval_rows=36)
    other_rows.train_data = other_rows.train_data[::-1]
    others = [data_fingerprint(task, SETTINGS) for task in (other_rows, fewer_held_out, LayeredTask(width=16))]
    assert len({own, *others}) == 4


def test_weights_and_the_random_numbers_of_a_step_are_left_alone() -> None:
    task = LayeredTask()
    before = {name: tensor.clone() for name, tensor in task.model.state_dict().items()}
    data_fingerprint(task, SETTINGS)
    assert all(torch.equal(tensor, before[name]) for name, tensor in task.model.state_dict().items())
