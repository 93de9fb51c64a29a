"""Gradio components and figures that the tabs of several plugins share."""
