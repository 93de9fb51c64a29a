"""Trainer `lora`: a Stable Diffusion pipeline learns a person's captioned pictures by adapters."""
