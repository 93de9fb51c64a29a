"""Theme of the page: `THEME`, `CSS` and `HEAD`, the arguments of `launch()`.

`HEAD` brings the code of the charts (uPlot, and that of `plugins._ui.chart`), and what Gradio leaves out for the
keyboard and for screen readers.
Every colour has a dark twin. Text keeps a contrast of at least 4.5 to 1 on each background it stands on. The fonts are
those that Gradio serves itself, so no request leaves the machine.
"""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from gradio.themes.utils.fonts import LocalFont

from plugins._ui import chart

STATIC = Path(__file__).parent / "static"
PLOTS = STATIC / "vendor"  # uPlot 1.6.32, https://github.com/leeoniya/uPlot, MIT licence
SHEETS = (PLOTS / "uPlot.min.css", STATIC / "theme.css", STATIC / "tour.css")
CSS = "".join(path.read_text(encoding="utf-8") for path in SHEETS)

HEAD = f"""
<script>{(PLOTS / "uPlot.iife.min.js").read_text(encoding="utf-8")};window.uPlot = uPlot;</script>
{chart.head()}
<script>{(STATIC / "accessibility.js").read_text(encoding="utf-8")}</script>
<meta name="description" content="Train, look inside, publish and call self-supervised models.">
<meta name="theme-color" content="#f5f7f9" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#0d141e" media="(prefers-color-scheme: dark)">
"""


class StudioTheme(gr.themes.Base):
    """Quiet slate surfaces, one teal accent, flat cards with a thin border."""

    def __init__(self):
        super().__init__(
            primary_hue=gr.themes.colors.teal,
            secondary_hue=gr.themes.colors.teal,
            neutral_hue=gr.themes.colors.slate,
            radius_size=gr.themes.sizes.radius_md,
            # Bold, since the semi-bold file in Gradio 6.31 lacks most Latin letters
            font=(LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"),
            font_mono=(LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace"),
        )
        self.name = "studio"
        super().set(**SURFACES, **TEXT, **INPUTS, **BUTTONS)  # at once: a second call would undo `background_fill_*`


SURFACES = {
    "body_background_fill": "#f5f7f9",
    "body_background_fill_dark": "#0d141e",
    "background_fill_primary": "#ffffff",
    "background_fill_primary_dark": "#151e2b",
    "background_fill_secondary": "#f5f7f9",
    "background_fill_secondary_dark": "#0d141e",
    "block_background_fill": "#ffffff",
    "block_background_fill_dark": "#151e2b",
    "block_border_color": "#dde3e9",
    "block_border_color_dark": "#2a3747",
    "border_color_primary": "#dde3e9",
    "border_color_primary_dark": "#2a3747",
    "border_color_accent": "*primary_600",
    "border_color_accent_dark": "*primary_400",
    "block_border_width": "1px",
    "block_shadow": "none",
    "block_shadow_dark": "none",
    "block_radius": "10px",
    "container_radius": "10px",
    "panel_background_fill": "#ffffff",
    "panel_background_fill_dark": "#151e2b",
    "color_accent": "*primary_600",
    "color_accent_soft": "*primary_50",
    "color_accent_soft_dark": "#12302f",
    "table_even_background_fill": "#ffffff",
    "table_even_background_fill_dark": "#151e2b",
    "table_odd_background_fill": "#f5f7f9",
    "table_odd_background_fill_dark": "#111925",
    "code_background_fill": "#eef1f4",
    "code_background_fill_dark": "#0d141e",
}

TEXT = {
    "body_text_color": "#17212d",
    "body_text_color_dark": "#e6ebf1",
    "body_text_color_subdued": "#4f5d6d",
    "body_text_color_subdued_dark": "#a6b3c2",
    "block_info_text_color": "#4f5d6d",
    "block_info_text_color_dark": "#a6b3c2",
    "block_title_text_color": "#17212d",
    "block_title_text_color_dark": "#e6ebf1",
    "block_title_text_weight": "600",
    "block_label_background_fill": "#ffffff",
    "block_label_background_fill_dark": "#151e2b",
    "block_label_text_color": "#4f5d6d",
    "block_label_text_color_dark": "#a6b3c2",
    "link_text_color": "*primary_700",
    "link_text_color_dark": "*primary_300",
    "link_text_color_hover": "*primary_800",
    "link_text_color_hover_dark": "*primary_200",
    "link_text_color_visited": "*primary_700",
    "link_text_color_visited_dark": "*primary_300",
    "link_text_color_active": "*primary_800",
    "link_text_color_active_dark": "*primary_200",
    "error_background_fill": "#fdf0ef",
    "error_background_fill_dark": "#351a1c",
    "error_border_color": "#e2aca8",
    "error_border_color_dark": "#7a3236",
    "error_text_color": "#9b1c1c",
    "error_text_color_dark": "#ffb4ae",
    "error_icon_color": "#b42318",
    "error_icon_color_dark": "#ff8f87",
}

INPUTS = {
    "input_background_fill": "#ffffff",
    "input_background_fill_dark": "#0f1824",
    "input_background_fill_focus": "#ffffff",
    "input_background_fill_focus_dark": "#0f1824",
    "input_border_color": "#c2ccd6",
    "input_border_color_dark": "#3b4a5c",
    "input_border_color_focus": "*primary_600",
    "input_border_color_focus_dark": "*primary_400",
    "input_border_width": "1px",
    "input_shadow": "none",
    "input_shadow_dark": "none",
    "input_shadow_focus": "0 0 0 3px rgb(13 148 136 / 0.18)",
    "input_shadow_focus_dark": "0 0 0 3px rgb(45 212 191 / 0.22)",
    "input_placeholder_color": "#66727f",
    "input_placeholder_color_dark": "#8e9bab",
    "slider_color": "*primary_600",
    "slider_color_dark": "*primary_400",
    "loader_color": "*primary_600",
    "loader_color_dark": "*primary_400",
    "checkbox_background_color_selected": "*primary_700",
    "checkbox_background_color_selected_dark": "*primary_600",
    "checkbox_border_color": "#8592a0",
    "checkbox_border_color_dark": "#64748b",
    "checkbox_border_color_selected": "*primary_700",
    "checkbox_border_color_selected_dark": "*primary_600",
    "checkbox_label_background_fill_selected": "*primary_50",
    "checkbox_label_background_fill_selected_dark": "#12302f",
    "checkbox_label_text_color_selected": "*primary_900",
    "checkbox_label_text_color_selected_dark": "*primary_100",
}

BUTTONS = {
    "button_primary_background_fill": "*primary_700",
    "button_primary_background_fill_dark": "*primary_700",
    "button_primary_background_fill_hover": "*primary_800",
    "button_primary_background_fill_hover_dark": "#136b64",
    "button_primary_border_color": "*primary_700",
    "button_primary_border_color_dark": "*primary_700",
    "button_primary_text_color": "#ffffff",
    "button_primary_text_color_dark": "#ffffff",
    "button_secondary_background_fill": "#ffffff",
    "button_secondary_background_fill_dark": "#1b2636",
    "button_secondary_background_fill_hover": "#eef1f4",
    "button_secondary_background_fill_hover_dark": "#243246",
    "button_secondary_border_color": "#c2ccd6",
    "button_secondary_border_color_dark": "#3b4a5c",
    "button_secondary_text_color": "#17212d",
    "button_secondary_text_color_dark": "#e6ebf1",
    "button_cancel_background_fill": "#ffffff",
    "button_cancel_background_fill_dark": "#1b2636",
    "button_cancel_background_fill_hover": "#fdf0ef",
    "button_cancel_background_fill_hover_dark": "#351a1c",
    "button_cancel_border_color": "#d98f8a",
    "button_cancel_border_color_dark": "#7a3236",
    "button_cancel_text_color": "#9b1c1c",
    "button_cancel_text_color_dark": "#ffb4ae",
    "button_border_width": "1px",
    "button_transition": "background-color 120ms ease, border-color 120ms ease",
    "button_large_text_weight": "600",
    "button_medium_text_weight": "600",
    "button_small_text_weight": "400",
}

THEME = StudioTheme()
