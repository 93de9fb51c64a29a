"""What every page does with a session: ask items in rounds, take labels, take them back; several people at once.

The page holds a state, JSON that it gives back each time: `key` of the session, `writer` (who labels, drawn at random),
`seen` (entries of the log so far), `queue` (what is asked next: each with its number, a hint and what shows it), and
what it shows: `file`, `names`, `given` (labels), `curve` (estimates), `told` (what others did), `earlier` (key of the
session that was open before), and what the plugin adds. All else is in the log.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from training.errors import UserError
from training.labelling.sessions import LabelSession, labels_of, open_session
from training.wording import counted

MAX_LABEL_CHARACTERS = 100
OTHER_WEIGHTS = (
    "This session stays with the weights {stored}, which whoever opens its address is asked by: {weights} choose what "
    "you are asked here."
)
NOTHING_TO_UNDO = "There is no label to take back."
State = dict[str, Any]
Item = dict[str, Any]  # `number`, `hint`, and what shows it
Ask = Callable[[LabelSession, State], State]  # the state with the next round


def new_state(is_first: bool, earlier: str = "") -> State:
    """The state of somebody who begins.

    Args:
        is_first: Whether the session is new: whoever comes later begins at another item of the round.
        earlier: Key of the session that was open before; empty for none.
    """
    return {"writer": secrets.token_hex(4), "first": is_first, "earlier": earlier}


def go_on(session: LabelSession, state: State, weights: str) -> State:
    """The state of somebody who presses Start in a session again, perhaps with other weights.

    Whoever began a session chooses its weights. Others choose for themselves alone, and are told.
    """
    stored, told = session.options.get("weights", ""), ""
    if weights != stored and (state.get("first") or not stored):
        session.set_option("weights", weights)
    elif weights != stored:
        told = OTHER_WEIGHTS.format(stored=stored, weights=weights)
    return {**state, "told": told}


def session_of(state: State, what: str, message: str = "") -> LabelSession:
    """The session that a page is in.

    Raises:
        UserError: If it is in none; `message` says what to do.
    """
    if not state.get("key"):
        raise UserError(message or _not_started(what))
    return open_session(state["key"], what)


def _not_started(what: str) -> str:
    return f"Press Start first: no {what.removesuffix('s')} is asked now."


def asked(
    session: LabelSession, state: State, items: Sequence[Item], estimate: Mapping[str, Any], shown: Mapping[str, Any]
) -> State:
    """The state with the items of a new round.

    Args:
        estimate: What the labels so far give, for the curve; empty for nothing.
        shown: What else the page shows.
    """
    entries = session.entries()
    if estimate:
        labels = len(labels_of(entries).labels)
        entries = session.append([{"estimate": {"labels": labels, **estimate}, "by": state["writer"]}])
    queue = list(items)
    if not state.get("first", True):  # two who begin together begin at different items
        start_at = int(state["writer"], 16) % max(1, len(queue))
        queue = queue[start_at:] + queue[:start_at]
    return counts(session, {"told": "", **state, **shown, "key": session.key, "queue": queue}, entries)


def counts(session: LabelSession, state: State, entries: Sequence[Mapping[str, Any]]) -> State:
    """The state with what the log says."""
    log = labels_of(entries)
    names = unique([*session.names, *log.names])
    about = {"file": session.data.name, "names": names}
    return {**state, **about, "seen": len(entries), "given": len(log.labels), "curve": log.curve}


def answer(state: State, label: str, what: str, ask: Ask) -> State:
    """Give the item in question a label; an empty one skips it. After the last of a round the next is asked.

    Items that somebody else labelled meanwhile are not asked again. If that was this one, it is said; the last label
    counts, and the log keeps both.

    Raises:
        UserError: If no item is asked, or the label is too long.
    """
    if not state.get("queue"):
        raise UserError(_not_started(what))
    session, number = session_of(state, what), int(state["queue"][0]["number"])
    if len(label) > MAX_LABEL_CHARACTERS:
        raise UserError(f"A label has at most {MAX_LABEL_CHARACTERS} characters.")
    mine = {"item": number, "label": label} if label else {"item": number, "skip": True}
    entries = session.append([{**mine, "by": state["writer"]}])
    theirs = _labelled_by_others(entries[int(state["seen"]) : -1], state["writer"])
    other = theirs.pop(number, "")
    queue = [each for each in state["queue"][1:] if each["number"] not in theirs]
    state = {**state, "queue": queue, "told": _told(theirs, other, label, what.removesuffix("s"))}
    return counts(session, state, entries) if queue else ask(session, state)


def _labelled_by_others(entries: Sequence[Mapping[str, Any]], writer: str) -> dict[int, str]:
    """Items that others labelled, with their label."""
    return {entry["item"]: entry["label"] for entry in entries if entry["by"] != writer and entry.get("label")}


def _told(theirs: Mapping[int, str], other: str, label: str, noun: str) -> str:
    """What others did meanwhile; empty for nothing."""
    told = [f"{counted(len(theirs), noun)} labelled by somebody else meanwhile."] if theirs else []
    if other and label and other != label:
        told.append(
            f"Somebody else said {other!r} for the {noun} that you gave {label!r}: yours was last and counts. Undo "
            "gives theirs back."
        )
    return " ".join(told)


def undo(state: State, what: str, show: Callable[[LabelSession, int], Item]) -> State:
    """Take the last label back that was given here, and ask its item again; a label that it had before counts again.

    Args:
        show: Session and number of an item -> what shows it.

    Raises:
        UserError: If there is none.
    """
    session = session_of(state, what, NOTHING_TO_UNDO)
    entries = session.entries()
    mine = {place: entry for place, entry in enumerate(entries) if entry["by"] == state["writer"] and "item" in entry}
    undone = {entry.get("undoes") for entry in mine.values()}
    labels = [
        place for place, each in mine.items() if each.get("label") and "undoes" not in each and place not in undone
    ]
    if not labels:
        raise UserError(NOTHING_TO_UNDO)
    number, label = entries[labels[-1]]["item"], entries[labels[-1]]["label"]
    before = labels_of(entries[: labels[-1]]).labels.get(number)
    entries = session.append([{"item": number, "label": before, "undoes": labels[-1], "by": state["writer"]}])
    state = put_first(state, {**show(session, number), "number": number, "hint": f"You said: {label}."})
    return counts(session, state, entries)


def put_first(state: State, item: Item) -> State:
    """Ask an item before the others of the round."""
    return {
        **state,
        "queue": [item, *(each for each in state["queue"] if each["number"] != item["number"])],
        "told": "",
    }


def add_name(state: State, name: str, what: str) -> State:
    """Let items have one more label.

    Raises:
        UserError: If it is empty or too long.
    """
    found = split_names(name)
    if len(found) != 1:
        raise UserError("Write one label, without a comma.")
    session = session_of(state, what)
    return counts(session, state, session.append([{"name": found[0], "by": state["writer"]}]))


def delete(state: State, what: str) -> None:
    """Delete the session with its table and labels, for everybody.

    Raises:
        UserError: If there is none.
    """
    session_of(state, what, "There is no session to delete.").delete()


def split_names(names: str) -> list[str]:
    """Names of labels, separated by commas or lines.

    Raises:
        UserError: If one is too long.
    """
    found = [name.strip() for name in re.split(r"[,\n]", names) if name.strip()]
    if long := next((name for name in found if len(name) > MAX_LABEL_CHARACTERS), ""):
        raise UserError(f"A label has {len(long)} characters, {MAX_LABEL_CHARACTERS} at most: {long[:40]}…")
    return unique(found)


def unique(names: Iterable[str]) -> list[str]:
    """Names once each, in the order in which they come first."""
    return list(dict.fromkeys(names))
