"""Endpoints of a prompt that was evaluated with its model."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from plugins.gpt_prompting.prompting.endpoints import Prompting


class FewShotEvaluation(Prompting):
    """Those of the model, with the evaluated prompt as the default; and the results of the experiment."""

    @abstractmethod
    def shots(self) -> dict[str, Any]:
        """Return the results of the few-shot experiment that evaluated these weights' prompt. Run it by /train, kind
        shots.

        Returns:
            records: arm (prompt, or random labels), shots, mean accuracy, low and high (95 % interval), seeds;
            macro_f1 and calibration_error likewise; order_sensitivity; fine_tuned, if it was compared; proof: the
            parameters' SHA-256 before and after, and whether it is unchanged.
        """
