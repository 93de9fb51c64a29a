"""Trainer `pretrain`: masked words and next sentences, from plain text (Devlin et al., 2019, §3.1)."""
