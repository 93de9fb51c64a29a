"""Try: chat with streaming, stop, retry, undo, edit, branches, a context meter and export."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.gpt_prompting.prompting.endpoints import Prompting
from plugins.gpt_prompting.ui.model_form import render_model_picker, render_sampling, sampling_values
from plugins.gpt_prompting.ui.token_view import TokenView, answer_sections, speed, token_view_value

EMPTY = "Send a message; click an answer to see its tokens."
CANDIDATES = 5  # shown with each token
METER_CELLS = 20
History = list[dict[str, Any]]  # role and content of each message
Branches = list[dict[str, Any]]  # title and history of each


def render_chat(workbench: Workbench) -> None:
    """Render the box. Its whole state is in components: the history, its branches, and the tokens of every answer."""
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            chatbot = gr.Chatbot(
                label="Dialogue",
                height=430,
                editable="user",
                feedback_options=None,
                buttons=["copy_all"],
                render_markdown=False,
                placeholder="Write a message below.",
            )
            with gr.Row(equal_height=True):
                message = gr.Textbox(
                    show_label=False, container=False, placeholder="Your message", scale=5, min_width=160
                )
                send = gr.Button("Send", variant="primary", min_width=80)
                stop = gr.Button("Stop", variant="stop", min_width=80)
            meter = gr.Markdown()
        with gr.Column(min_width=280):
            weights, key = render_model_picker(workbench)
            system = gr.Textbox(
                label="System prompt", lines=2, max_lines=8, placeholder="Optional; sent before all messages."
            )
            sampling = render_sampling(new_tokens=100, alternatives=False)
            with gr.Row():
                branch = gr.Button("Save as branch", size="sm")
                clear = gr.Button("New dialogue", size="sm")
                export = gr.Button("Export", size="sm")
            branch_picker = gr.Dropdown(
                [], label="Branches", info="A retry or an edit saves the dialogue before it.", visible=False
            )
            file = gr.File(label="History", interactive=False, height=80, visible=False)
    tokens = TokenView("Tokens of an answer", EMPTY)
    branches = gr.JSON([], visible=False)
    states = gr.JSON({}, visible=False)  # text of an answer -> its final state

    def answer(
        name: str, secret: str, system: str, history: Any, states: Any, *values: Any
    ) -> Iterator[tuple[Any, ...]]:
        past, known = plain_history(history), dict(states or {})
        arguments = sampling_values(values)[:-1]  # without the number of alternatives
        messages = with_system(system, past)
        for state in workbench.stream(Prompting.chat, name, messages, *arguments, CANDIDATES, secret or ""):
            known[state["text"]] = state
            dialogue = [*past, {"role": "assistant", "content": state["text"]}]
            line = context_line(state, has_system=len(messages) > len(past))
            yield dialogue, line, token_view_value(answer_sections(state)), known

    inputs = [weights, key, system, chatbot, states, *sampling]
    outputs = [chatbot, meter, tokens, states]
    hidden: dict[str, Any] = {"show_progress": "hidden"}
    instant: dict[str, Any] = {"queue": False, **hidden}

    sent = gr.on([send.click, message.submit], add_message, [message, chatbot], [message, chatbot], **instant)
    retried = chatbot.retry(before_retry, [chatbot, branches], [chatbot, branches, branch_picker], **instant)
    edited = chatbot.edit(edit_message, [chatbot, branches], [chatbot, branches, branch_picker], **instant)
    answers: list[Any] = [
        sent.success(answer, inputs, outputs, **hidden),
        retried.then(answer, inputs, outputs, **hidden),
        edited.then(answer, inputs, outputs, **hidden),
    ]
    stop.click(None, None, None, cancels=answers)
    chatbot.undo(undo_message, chatbot, [chatbot, message], **instant)
    chatbot.select(tokens_of, [chatbot, states], tokens, **instant)
    branch.click(save_branch, [chatbot, branches], [branches, branch_picker], **instant)
    branch_picker.input(open_branch, [branch_picker, branches], chatbot, **instant)
    gr.on([clear.click, chatbot.clear], lambda: ([], "", token_view_value([], EMPTY), {}), None, outputs, **instant)
    export.click(export_dialogue, [chatbot, system, branches], file, **hidden)


def plain_history(history: Any) -> History:
    """Convert Gradio's messages, whose content is a list of blocks, to role and text."""
    messages = []
    for message in history or []:
        content = message["content"]
        if isinstance(content, list):
            content = "".join(block.get("text", "") for block in content if isinstance(block, dict))
        messages.append({"role": message["role"], "content": content})
    return messages


def with_system(system: str, history: History) -> History:
    """Put the system prompt before the dialogue, if there is one."""
    return [*([{"role": "system", "content": system.strip()}] if system.strip() else []), *history]


def _index(event: gr.RetryData | gr.EditData | gr.UndoData | gr.SelectData) -> int:
    return event.index if isinstance(event.index, int) else event.index[0]


def add_message(message: str, history: Any) -> tuple[str, History]:
    """Move the textbox's message to the end of the dialogue."""
    if not message.strip():
        raise gr.Error("Write a message first.", print_exception=False)
    return "", [*plain_history(history), {"role": "user", "content": message}]


def before_retry(event: gr.RetryData, history: Any, branches: Branches) -> tuple[Any, ...]:
    """Cut the dialogue after the user's message that the clicked answer replies to; the whole becomes a branch."""
    messages, index = plain_history(history), _index(event)
    while index > 0 and messages[index]["role"] != "user":
        index -= 1
    return messages[: index + 1], *add_branch(messages, branches)


def edit_message(event: gr.EditData, history: Any, branches: Branches) -> tuple[Any, ...]:
    """Replace a message and cut the dialogue after it; what was there before becomes a branch."""
    messages, index = plain_history(history), _index(event)
    before = [*messages[:index], {**messages[index], "content": str(event.previous_value)}, *messages[index + 1 :]]
    return [*messages[:index], {**messages[index], "content": str(event.value)}], *add_branch(before, branches)


def undo_message(event: gr.UndoData, history: Any) -> tuple[History, str]:
    """Cut the dialogue before the clicked message, which returns to the textbox."""
    messages, index = plain_history(history), _index(event)
    return messages[:index], messages[index]["content"]


def tokens_of(event: gr.SelectData, history: Any, states: dict) -> str:
    """Show the tokens of the clicked answer."""
    messages, index = plain_history(history), _index(event)
    text = messages[index]["content"] if index < len(messages) else ""
    if text in (states or {}):
        return token_view_value(answer_sections(states[text]))
    return token_view_value([], "The tokens of this message are unknown.")


def save_branch(history: Any, branches: Branches) -> tuple[Branches, Any]:
    return add_branch(plain_history(history), branches)


def add_branch(history: History, branches: Branches) -> tuple[Branches, Any]:
    """Add a branch, unless the same dialogue is one already; returns the branches and the picker's update."""
    branches = list(branches or [])
    if history and all(branch["history"] != history for branch in branches):
        last = history[-1]["content"].replace("\n", " ")[:40]
        title = f"{len(branches) + 1}. {len(history)} messages, to “{last}”"
        branches.append({"title": title, "history": history})
    return branches, gr.Dropdown([branch["title"] for branch in branches], visible=bool(branches), value=None)


def open_branch(title: str, branches: Branches) -> Any:
    return next((branch["history"] for branch in branches or [] if branch["title"] == title), gr.skip())


def export_dialogue(history: Any, system: str, branches: Branches) -> Any:
    """Write the dialogue as JSON: messages (role and content), and the branches beside them."""
    target = Path(tempfile.mkdtemp(prefix="selfsup-")) / "dialogue.json"
    record = {
        "messages": with_system(system, plain_history(history)),
        "branches": [branch["history"] for branch in branches or []],
    }
    target.write_text(json.dumps(record, ensure_ascii=False, indent=2), encoding="utf-8")
    return gr.File(str(target), visible=True)


def context_line(state: dict[str, Any], has_system: bool) -> str:
    """Describe how full the context is and which messages were dropped, as Markdown."""
    facts = []
    if state["context"]:
        used = state["prompt_tokens"] + state["new_tokens"]
        full = round(METER_CELLS * min(1.0, used / state["context"]))
        facts.append(f"`{'█' * full}{'░' * (METER_CELLS - full)}` {used:,} of {state['context']:,} tokens")
    if state["dropped_messages"]:
        numbers = [index + (0 if has_system else 1) for index in state["dropped_messages"]]
        facts.append(f"**dropped, since they do not fit into the context: messages {numbers[0]} to {numbers[-1]}**")
    return " · ".join([*facts, f"chat template: {state['template']}", speed(state)])
