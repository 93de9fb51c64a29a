"""The shell: the page around the plugins. With `plugins/*/tab.py` the only code that imports gradio."""

import os

# Read by gradio when it is imported: no telemetry, and no data frame rebuilt after every event (2.7 times the latency).
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000")
