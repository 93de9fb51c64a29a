"""Go on with a U-Net that has more residual blocks than before, from the function that it computes already.

After Net2DeeperNet (Chen et al., 2016, §3.2): a new layer starts as the identity. A residual block whose second
convolution is zero is one, so that nothing that was learned is lost and training goes on where it ended.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from plugins.denoising_ae.models.denoising_cnn import DenoisingCNN, ResidualBlock
from training.errors import UserError


def deepened(model: DenoisingCNN, added: int) -> DenoisingCNN:
    """The same function with `added` more residual blocks at each stage and side.

    Raises:
        UserError: If the network has a single scale, and so no stages.
    """
    if model.config.variant != "unet":
        raise UserError("added_blocks are those of a U-Net; these weights are of a single-scale network: set it to 0.")
    blocks = model.config.blocks
    deeper = DenoisingCNN(replace(model.config, blocks=blocks + added))
    _start_as_identity(deeper)
    trained = {_place(name, blocks, added): value for name, value in model.state_dict().items()}
    deeper.load_state_dict(deeper.state_dict() | trained)
    return deeper


def _place(name: str, blocks: int, added: int) -> str:
    """Where a tensor of the shallow network is in the deeper one: new blocks stand behind the old ones of a stage.

    "body.down.0.1.weight" is a strided convolution: the layer behind the blocks of its stage.
    """
    parts = name.split(".")
    if parts[1] == "down" and int(parts[3]) == blocks:
        parts[3] = str(blocks + added)
    return ".".join(parts)


def _start_as_identity(model: DenoisingCNN) -> None:
    for block in model.modules():
        if isinstance(block, ResidualBlock):
            for tensor in block.second.parameters():
                torch.nn.init.zeros_(tensor)
