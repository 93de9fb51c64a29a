"""What "Look inside" computes from loaded models; knows no gradio."""
