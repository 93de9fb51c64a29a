"""What "Look inside" computes: no gradio."""
