"""Chat: streaming, stop, retry, undo, edit, branches, a meter of the context, and the history as a file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._boxes import PRIVATE
from plugins._contract import Workbench
from plugins.gpt_prompting import endpoints
from plugins.gpt_prompting.ui.model_form import render_model_picker, render_sampling, sampling_values
from plugins.gpt_prompting.ui.token_view import TokenView, answer_parts, speed_line, token_view_value

EMPTY = "Send a message; click an answer to see its tokens."
History = list[dict[str, Any]]


def render_chat(workbench: Workbench) -> None:
    """Draw the box. What happened lives in the components: the history, its branches, and the tokens of every answer."""
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            talk = gr.Chatbot(
                label="Dialogue", height=430, editable="user", feedback_options=None, buttons=["copy_all"],
                render_markdown=False, placeholder="Say something below.",
            )  # fmt: skip
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
                label="System prompt", lines=2, max_lines=8, placeholder="Said before everything; may be empty."
            )
            rules = render_sampling(new_tokens=100, alternatives=False)
            with gr.Row():
                branch = gr.Button("Branch here", size="sm")
                clear = gr.Button("Start anew", size="sm")
                export = gr.Button("Export", size="sm")
            branches = gr.Dropdown(
                [], label="Branches", info="A retry or an edit keeps what was there before.", visible=False
            )
            file = gr.File(label="History", interactive=False, height=80, visible=False)
    tokens = TokenView("Tokens of an answer", EMPTY)
    kept = gr.JSON([], visible=False)  # of each branch: title and history
    told = gr.JSON({}, visible=False)  # text of an answer -> its state

    def answer(name: str, secret: str, said: str, past: Any, known: Any, *values: Any) -> Iterator[tuple[Any, ...]]:
        history, known = plain(past), dict(known or {})
        messages = [*([{"role": "system", "content": said.strip()}] if said.strip() else []), *history]
        *given, _ = sampling_values(values)
        for state in workbench.stream(endpoints.chat, name, messages, *given, 5, secret or ""):
            known[state["text"]] = state
            yield [*history, {"role": "assistant", "content": state["text"]}], context_line(state, len(said.strip()) > 0), token_view_value(answer_parts(state)), known  # fmt: skip

    inputs = [weights, key, system, talk, told, *rules]
    outputs = [talk, meter, tokens, told]
    hidden: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}

    asked = gr.on([send.click, message.submit], said_now, [message, talk], [message, talk], queue=False, **hidden)
    first = asked.success(answer, inputs, outputs, **hidden)
    again = talk.retry(before_retry, [talk, kept], [talk, kept, branches], queue=False, **hidden)
    second = again.then(answer, inputs, outputs, **hidden)
    changed = talk.edit(edited, [talk, kept], [talk, kept, branches], queue=False, **hidden)
    third = changed.then(answer, inputs, outputs, **hidden)
    stop.click(None, None, None, cancels=[first, second, third], **PRIVATE)
    talk.undo(undone, talk, [talk, message], queue=False, **hidden)
    talk.select(tokens_of, [talk, told], tokens, queue=False, **hidden)
    branch.click(branched, [talk, kept], [kept, branches], queue=False, **hidden)
    branches.input(return_to, [branches, kept], talk, queue=False, **hidden)
    gr.on(
        [clear.click, talk.clear],
        lambda: ([], "", token_view_value([], EMPTY), {}),
        None,
        outputs,
        queue=False,
        **hidden,
    )
    export.click(exported, [talk, system, kept], file, **hidden)


def plain(history: Any) -> History:
    """Role and text of each message: Gradio's hold blocks."""
    found = []
    for each in history or []:
        content = each["content"]
        if isinstance(content, list):
            content = "".join(block.get("text", "") for block in content if isinstance(block, dict))
        found.append({"role": each["role"], "content": content})
    return found


def said_now(message: str, history: Any) -> tuple[str, History]:
    if not message.strip():
        raise gr.Error("Write a message first.", print_exception=False)
    return "", [*plain(history), {"role": "user", "content": message}]


def before_retry(event: gr.RetryData, history: Any, kept: list) -> tuple[Any, ...]:
    """The answers after the message that was clicked go to a branch of their own."""
    found = plain(history)
    at = event.index if isinstance(event.index, int) else event.index[0]
    while at > 0 and found[at]["role"] != "user":
        at -= 1
    return found[: at + 1], *keep(found, kept)


def edited(event: gr.EditData, history: Any, kept: list) -> tuple[Any, ...]:
    found = plain(history)
    at = event.index if isinstance(event.index, int) else event.index[0]
    before = [*found[:at], {**found[at], "content": str(event.previous_value)}, *found[at + 1 :]]
    return [*found[:at], {**found[at], "content": str(event.value)}], *keep(before, kept)


def undone(event: gr.UndoData, history: Any) -> tuple[History, str]:
    """The message that was clicked comes back into the box."""
    found = plain(history)
    at = event.index if isinstance(event.index, int) else event.index[0]
    return found[:at], found[at]["content"]


def tokens_of(event: gr.SelectData, history: Any, told: dict) -> str:
    at = event.index if isinstance(event.index, int) else event.index[0]
    found = plain(history)
    text = found[at]["content"] if at < len(found) else ""
    return (
        token_view_value(answer_parts(told[text]))
        if text in (told or {})
        else token_view_value([], "No tokens are known of this message.")
    )


def branched(history: Any, kept: list) -> tuple[list, Any]:
    return keep(plain(history), kept)


def keep(history: History, kept: list) -> tuple[list, Any]:
    """One more branch, and the choice among all; the same dialogue is kept once."""
    kept = list(kept or [])
    if history and all(each["history"] != history for each in kept):
        last = history[-1]["content"].replace("\n", " ")[:40]
        kept.append({"title": f"{len(kept) + 1}. {len(history)} messages, to “{last}”", "history": history})
    return kept, gr.Dropdown([each["title"] for each in kept], visible=bool(kept), value=None)


def return_to(title: str, kept: list) -> Any:
    return next((each["history"] for each in kept or [] if each["title"] == title), gr.skip())


def exported(history: Any, system: str, kept: list) -> Any:
    """The dialogue as JSON that other tools read: a list of messages, and the branches beside it."""
    messages = [*([{"role": "system", "content": system}] if system.strip() else []), *plain(history)]
    target = Path(tempfile.mkdtemp(prefix="selfsup-")) / "dialogue.json"
    record = {"messages": messages, "branches": [each["history"] for each in kept or []]}
    target.write_text(json.dumps(record, ensure_ascii=False, indent=2), encoding="utf-8")
    return gr.File(str(target), visible=True)


def context_line(state: dict[str, Any], has_system: bool) -> str:
    """How full the context is, and what had to go."""
    parts = []
    if state["context"]:
        used = state["prompt_tokens"] + state["new_tokens"]
        share = min(1.0, used / state["context"])
        full = round(20 * share)
        parts.append(f"`{'█' * full}{'░' * (20 - full)}` {used:,} of {state['context']:,} tokens")
    if state["dropped_messages"]:
        places = [at + (0 if has_system else 1) for at in state["dropped_messages"]]
        parts.append(f"**dropped, since they do not fit: messages {places[0]} to {places[-1]}**")
    parts += [state["template"], speed_line(state).split(" · ", 1)[-1]]
    return " · ".join(parts)
