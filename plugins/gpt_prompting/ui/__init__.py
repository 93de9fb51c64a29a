"""The tab of language models; the only folder of this plugin that imports Gradio."""
