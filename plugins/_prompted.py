"""Ask a language model of another plugin for labels: plugins do not import each other.

A kind whose endpoints are `Prompted` labels texts by a prompt; `load_prompted` finds it by the weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from plugins._contract import Kind
from plugins._discovery import discover
from plugins._recognition import recognise
from training.errors import UserError


@dataclass(frozen=True)
class PromptedLabel:
    """What a prompt made of a text.

    Args:
        label: Empty where an answer names none.
        probabilities: Label -> 0 to 1; empty of a hosted model that does not tell them.
    """

    label: str
    probabilities: dict[str, float]


class Prompted(ABC):
    """Labels texts by a prompt; no parameter is changed. No endpoint: those are `Endpoints`."""

    @abstractmethod
    def label_texts(
        self,
        texts: Sequence[str],
        labels: Mapping[str, str],
        examples: Sequence[tuple[str, str]] = (),
        key: str = "",
    ) -> list[PromptedLabel]:
        """Label each text.

        Args:
            labels: Label -> its words.
            examples: Texts with their labels, in the order in which the prompt shows them.
            key: For a hosted model. It is sent to its server only, and not stored.

        Raises:
            UserError: If the labels do not fit a prompt, or a server sends no answer at all.
        """


def kind_to_prompt(folder: Path) -> Kind:
    """The kind of a folder of weights that are to be prompted; loads nothing.

    Raises:
        UserError: If they are no language model's.
    """
    kind = recognise(folder, folder.name, [found.plugin for found in discover() if found.plugin])[1]
    if not _is_prompted(kind):
        raise UserError(f"{folder.name} holds weights of {kind.title!r}, which cannot be prompted: choose a GPT.")
    if not any(folder.glob("*.safetensors")):
        raise UserError(f"{folder.name} holds no weights, as a prompt of a hosted model: choose others.")
    return kind


def load_prompted(folder: Path) -> Prompted:
    """Load weights that are to be prompted.

    Raises:
        UserError: As `kind_to_prompt`; if they cannot be loaded.
    """
    return cast(Prompted, kind_to_prompt(folder).load(folder))


def connect_prompted(name: str) -> Prompted:
    """Reach a hosted model by its name, "hosted:model@https://server/v1"; nothing is sent yet.

    Raises:
        UserError: If the name has another form, or this server allows no requests to that host.
    """
    kinds = [kind for found in discover() if found.plugin for kind in found.plugin.kinds]
    kind = next((kind for kind in kinds if kind.hosted and _is_prompted(kind)), None)
    if kind is None:
        raise UserError("No plugin here asks hosted models: leave the name of one out.")
    return cast(Prompted, kind.connect(name))


def _is_prompted(kind: Kind) -> bool:
    return kind.endpoints is not None and issubclass(kind.endpoints, Prompted)
