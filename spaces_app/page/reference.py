"""The page about calling the app from elsewhere; Gradio's own panel on it lists every endpoint."""

from __future__ import annotations

import gradio as gr

from spaces_app.events import UNQUEUED
from spaces_app.services import Services

ABOUT = """## Call it from anywhere

Everything on these pages is an endpoint: *Use via API* at the foot of this page lists them all, with their parameters.

```python
import time

from gradio_client import Client, handle_file

client = Client("{url}")
client.predict("", "a film that stays with you", api_name="/bert_finetune_classify")  # "": the starter's weights
run = client.predict("bert_finetune", "classify", {{}}, handle_file("reviews.tsv"), api_name="/train")  # at once
while client.predict(run["id"], api_name="/run_status")["status"] in ("queued", "running"):
    time.sleep(1)  # client.predict(run["id"], api_name="/run_cancel") would end it, and keep the best weights
client.predict(run["id"], "a film that stays with you", api_name="/bert_finetune_classify")  # by the run's weights
```

```bash
curl {url}/gradio_api/call/v2/bert_finetune_classify -H 'Content-Type: application/json' \\
  -d '{{"weights": "", "text": "a film that stays with you"}}'       # returns an event_id
curl {url}/gradio_api/call/bert_finetune_classify/EVENT_ID
```
"""
MCP = "\nAs MCP tools (Model Context Protocol): `{url}/gradio_api/mcp/`.\n"


def render(services: Services, demo: gr.Blocks) -> None:
    """Render the content."""
    text = gr.Markdown(ABOUT.format(url="http://127.0.0.1:7860"), elem_classes="api-page")

    def opened(request: gr.Request) -> str:
        host = request.headers.get("x-forwarded-host") or request.headers.get("host", "127.0.0.1:7860")
        scheme = request.headers.get("x-forwarded-proto", "http").split(",")[0]
        url = f"{scheme}://{host}"
        return ABOUT.format(url=url) + (MCP.format(url=url) if services.settings.mcp else "")

    demo.load(opened, None, text, **UNQUEUED)
