"""Gradio parts and figures that the tabs of several plugins share. With the ui rooms of the plugins the only code here that imports gradio."""
