"""The public API. Every public function of `plugins`, `runs`, `checks`, `hub` and `hf_jobs` is an endpoint of its name,
and an MCP tool; a plugin's endpoints are published as `/{plugin}_{function}`. `docs/api.md` is generated from them."""
