"""The tab of the plugin: the only place of it that imports gradio."""
