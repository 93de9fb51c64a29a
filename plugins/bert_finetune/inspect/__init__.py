"""What the "Look inside" boxes compute on a loaded model. Knows no gradio."""
