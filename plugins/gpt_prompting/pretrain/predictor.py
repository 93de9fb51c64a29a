"""Predictor of trained language models, which is that of any causal language model."""

from plugins.gpt_prompting.prompting.predictor import connect as connect
from plugins.gpt_prompting.prompting.predictor import load as load
