"""Kind `pretrain`: masked language modelling and next sentence prediction on plain text (Devlin et al., 2019, §3.1)."""
