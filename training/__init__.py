"""Training without a page: what a plugin author imports stands here, everything else in the rooms below. Knows no gradio and no plugin."""
