"""The Hugging Face Hub over HTTP: pull, push, search, and the checks of what comes in. Knows no run."""
