"""What Look inside computes: drift, projections, figures. No gradio."""
