"""Embeddings of several processes: a contrastive loss over all of them has the gradient of one process with the whole batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from training.nn.gather_embeddings import gather_embeddings

ROOT = Path(__file__).parents[2]
RANK = """
import json, sys, torch
from tests.fit.test_gather_embeddings import contrast, rows, weight
torch.distributed.init_process_group("gloo")
rank, size = torch.distributed.get_rank(), torch.distributed.get_world_size()
matrix = weight()
losses = contrast(rows().chunk(size)[rank] @ matrix)
losses.sum().backward()
torch.distributed.all_reduce(matrix.grad)
if rank == 0:
    print(json.dumps(matrix.grad.tolist()))
torch.distributed.destroy_process_group()
"""


def rows() -> torch.Tensor:
    return torch.randn(8, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def weight() -> torch.Tensor:
    return torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64).requires_grad_()


def contrast(own: torch.Tensor) -> torch.Tensor:
    """Each row must find itself among all rows, (rows,)."""
    everybody, start = gather_embeddings(own)
    places = torch.arange(len(own)) + start
    return functional.cross_entropy(own @ everybody.T, places, reduction="none")


def test_alone_a_process_gets_its_own_rows_back() -> None:
    own = rows()
    everybody, start = gather_embeddings(own)
    assert everybody is own and start == 0


def test_two_processes_have_the_gradient_of_one() -> None:
    matrix = weight()
    contrast(rows() @ matrix).sum().backward()
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    done = subprocess.run(
        [*command, sys.executable, "-c", RANK],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    gradient = json.loads(done.stdout.splitlines()[-1])
    assert torch.tensor(gradient, dtype=torch.float64) == pytest.approx(matrix.grad, abs=1e-12)
