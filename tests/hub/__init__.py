"""A Hugging Face Hub on the loopback interface: what the tests' push, pull, backup and jobs speak to, over HTTP.

The unmodified `huggingface_hub`, `hf_xet` and `datasets` clients use it, with `HF_ENDPOINT` pointed at it. Everything
is kept in memory. It can be made to fail (`faults.py`) and says which requests came (`GET /__hub__/requests`).
`python -m tests.hub` starts one.
"""
