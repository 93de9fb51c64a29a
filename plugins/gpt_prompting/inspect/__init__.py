"""What *Look inside* computes: attention, token surprisal, induction scores; no Gradio."""
