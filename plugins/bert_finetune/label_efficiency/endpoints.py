"""Interface of the best classifier of a label efficiency experiment."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from plugins.bert_finetune.classify.endpoints import Classify


class LabelEfficiency(Classify):
    """A text classifier with the results of the experiment."""

    @abstractmethod
    def label_efficiency(self) -> list[dict[str, Any]]:
        """Return the results of the experiment: accuracy against the number of labels, with and without pre-training.

        Run the experiment by /train, trainer label_efficiency.

        Returns:
            Records of arm, labels, mean accuracy, low and high (95 % interval), and seeds.
        """
