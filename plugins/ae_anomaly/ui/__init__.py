"""The tab: the only modules of the plugin that import gradio."""
