"""The tab: the only folder of the plugin that imports gradio."""
