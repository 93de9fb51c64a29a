"""Try: chat with streaming, stop, retry, undo, edit, branches, a context meter and export."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.events import message_area, on_box
from plugins.gpt_prompting.prompting.endpoints import Prompting
from plugins.gpt_prompting.ui.model_form import (
    ModelForm,
    answered_by,
    model_of,
    render_model_form,
    render_sampling,
    sampling_values,
)
from plugins.gpt_prompting.ui.token_view import TokenView, answer_sections, speed, token_view_value
from training.errors import UserError

NO_DIALOGUE = "There is no dialogue yet: write a message first."
EXAMPLES = ["What is the weather like in Paris?", "I want to see a movie tonight", "I need a table for two"]
EMPTY = "Send a message; click an answer to see its tokens."
CANDIDATES = 5  # shown with each token
METER_CELLS = 20
QUIET: dict[str, Any] = {"show_progress": "hidden"}
History = list[dict[str, Any]]  # role and content of each message
Branches = list[dict[str, Any]]  # title and history of each


@dataclass(frozen=True)
class ChatBox:
    """The components of the box. Its whole state is in them: the history, its branches, the tokens of every answer."""

    chatbot: gr.Chatbot
    area: gr.HTML
    message: gr.Textbox
    send: gr.Button
    stop: gr.Button
    meter: gr.Markdown
    form: ModelForm
    system: gr.Textbox
    sampling: list[Any]
    branch: gr.Button
    clear: gr.Button
    export: gr.Button
    branch_picker: gr.Dropdown
    file: gr.File
    tokens: TokenView
    branches: gr.JSON
    states: gr.JSON  # text of an answer -> its final state

    @property
    def settings(self) -> list[Any]:
        """What an answer depends on beside the dialogue, in the order of `reply`."""
        return [self.states, *self.form.fields, self.system, *self.sampling]

    @property
    def outputs(self) -> list[Any]:
        """What an answer changes, in the order of `reply`."""
        return [self.message, self.chatbot, self.meter, self.tokens, self.states]


def render_chat(workbench: Workbench) -> None:
    """Render the box."""
    gr.Markdown(
        "The starter has 4.3 million weights (GPT-2: 124 million and more). It has learnt how short service dialogues "
        "sound, of weather, tables, tickets and cars; it knows no facts, and forgets what you said before."
    )
    box = _render_layout(workbench)
    _connect_answers(box, workbench)
    _connect_the_rest(box)


def _render_layout(workbench: Workbench) -> ChatBox:
    with gr.Row():
        with gr.Column(scale=2, min_width=280):
            chatbot = gr.Chatbot(
                label="Dialogue",
                height=430,
                editable="user",
                feedback_options=None,
                buttons=["copy_all"],
                render_markdown=False,
                placeholder="Write a message below, or choose one of these.",
                examples=[{"text": example} for example in EXAMPLES],
            )
            area = message_area()
            with gr.Row(equal_height=True):
                message = gr.Textbox(
                    show_label=False, container=False, placeholder="Your message", scale=5, min_width=160
                )
                send = gr.Button("Send", variant="primary", min_width=80)
                stop = gr.Button("Stop", variant="stop", min_width=80)
            meter = gr.Markdown()
        with gr.Column(min_width=280):
            form = render_model_form(workbench)
            system = gr.Textbox(
                label="System prompt", lines=2, max_lines=8, placeholder="Optional; sent before all messages."
            )
            sampling = render_sampling(new_tokens=100, alternatives=False)
            with gr.Row():
                branch = gr.Button("Save as branch", size="sm", min_width=100)
                clear = gr.Button("New dialogue", size="sm", min_width=100)
                export = gr.Button("Export", size="sm", min_width=80)
            picker = gr.Dropdown(
                [], label="Branches", info="A retry or an edit saves the dialogue before it.", visible=False
            )
            file = gr.File(label="History", interactive=False, height=80, visible=False)
    actions = branch, clear, export, picker, file
    views = TokenView("Tokens of an answer", EMPTY), gr.JSON([], visible=False), gr.JSON({}, visible=False)
    return ChatBox(chatbot, area, message, send, stop, meter, form, system, sampling, *actions, *views)


def _connect_answers(box: ChatBox, workbench: Workbench) -> None:
    """Connect what asks the model: a message, an example, a retry, an edit."""

    def send(written: str, history: Any, *settings: Any) -> Iterator[list[Any]]:
        past = plain_history(history)
        if not (written or "").strip():
            raise UserError("Write a message first.")
        yield from reply(workbench, [*past, {"role": "user", "content": written}], past, written, settings)

    def send_example(event: gr.SelectData, *settings: Any) -> Iterator[list[Any]]:
        yield from send(event.value["text"], [], *settings)

    def retry(event: gr.RetryData, history: Any, branches: Branches, *settings: Any) -> Iterator[list[Any]]:
        asked, *branched = before_retry(event, history, branches)
        for result in reply(workbench, asked, plain_history(history), "", settings):
            yield [*result, *branched]

    def edit(event: gr.EditData, history: Any, branches: Branches, *settings: Any) -> Iterator[list[Any]]:
        asked, before, *branched = edit_message(event, history, branches)
        for result in reply(workbench, asked, before, "", settings):
            yield [*result, *branched]

    chatbot, area, outputs = box.chatbot, box.area, box.outputs
    branched = [*outputs, box.branches, box.branch_picker]
    changed = [chatbot, box.branches, *box.settings]
    answers: list[Any] = [
        on_box(
            [box.send.click, box.message.submit], send, [box.message, chatbot, *box.settings], outputs, area, **QUIET
        ),
        on_box(chatbot.example_select, send_example, box.settings, outputs, area, **QUIET),
        on_box(chatbot.retry, retry, changed, branched, area, **QUIET),
        on_box(chatbot.edit, edit, changed, branched, area, **QUIET),
    ]
    # An answer that goes on would write into the dialogue that is shown instead.
    leaves = [box.stop.click, box.clear.click, chatbot.clear, chatbot.undo, box.branch_picker.input]
    gr.on(leaves, None, None, None, cancels=answers)


def _connect_the_rest(box: ChatBox) -> None:
    chatbot, branches, states, area = box.chatbot, box.branches, box.states, box.area
    instant: dict[str, Any] = {"queue": False, **QUIET}
    chatbot.undo(undo_message, chatbot, [chatbot, box.message], **instant)
    chatbot.select(tokens_of, [chatbot, states], box.tokens, **instant)
    saved, picker = [branches, box.branch_picker], [box.branch_picker]
    on_box(box.branch.click, save_branch, [chatbot, branches], saved, area, keep=picker, **instant)
    box.branch_picker.input(open_branch, [box.branch_picker, branches], chatbot, **instant)
    emptied = [chatbot, box.meter, box.tokens, states, area]
    empty = [], "", token_view_value([], EMPTY), {}, ""
    gr.on([box.clear.click, chatbot.clear], lambda: empty, None, emptied, **instant)
    on_box(box.export.click, export_dialogue, [chatbot, box.system, branches], box.file, area, **QUIET)


def reply(
    workbench: Workbench, asked: History, before: History, written: str, settings: Sequence[Any]
) -> Iterator[list[Any]]:
    """Answer the last message of a dialogue.

    Args:
        asked: The dialogue up to the message to answer.
        before: The dialogue as it was, to which it returns if the model does not answer.
        written: What returns to the textbox then.
        settings: Values of `ChatBox.settings`.

    Yields:
        Values of `ChatBox.outputs`.
    """
    yield ["", asked, *[gr.skip()] * 3]
    known, model, system, sampling = dict(settings[0] or {}), settings[1:5], settings[5], settings[6:]
    try:
        name, secret = model_of(*model)
        arguments = sampling_values(sampling)[:-1]  # without the number of alternatives
        messages = with_system(system, asked)
        for state in workbench.stream(Prompting.chat, name, messages, *arguments, CANDIDATES, secret):
            text = state["text"].lstrip()
            known[text] = state
            line = " · ".join(filter(None, (answered_by(name), context_line(state, len(messages) > len(asked)))))
            dialogue = [*asked, {"role": "assistant", "content": text}]
            yield [gr.skip(), dialogue, line, token_view_value(answer_sections(state)), known]
    except UserError:
        yield [written, before, *[gr.skip()] * 3]
        raise


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


def before_retry(event: gr.RetryData, history: Any, branches: Branches) -> tuple[Any, ...]:
    """Cut the dialogue after the user's message that the clicked answer replies to; the whole becomes a branch."""
    messages, index = plain_history(history), _index(event)
    while index > 0 and messages[index]["role"] != "user":
        index -= 1
    return messages[: index + 1], *add_branch(messages, branches)


def edit_message(event: gr.EditData, history: Any, branches: Branches) -> tuple[Any, ...]:
    """The dialogue with a message replaced and cut after it, and what was there before, which becomes a branch."""
    messages, index = plain_history(history), _index(event)
    before = [*messages[:index], {**messages[index], "content": str(event.previous_value)}, *messages[index + 1 :]]
    return [*messages[:index], {**messages[index], "content": str(event.value)}], before, *add_branch(before, branches)


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
    """As `add_branch`, where there is a dialogue.

    Raises:
        UserError: If there is none.
    """
    if not (messages := plain_history(history)):
        raise UserError(NO_DIALOGUE)
    return add_branch(messages, branches)


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
    """Write the dialogue as JSON: messages (role and content), and the branches beside them.

    Raises:
        UserError: If there are neither.
    """
    if not history and not branches:
        raise UserError(NO_DIALOGUE)
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
