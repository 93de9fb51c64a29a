"""Training without a page: modules that plugin authors import, and rooms for the rest.

Knows no Gradio and no plugin.
"""
