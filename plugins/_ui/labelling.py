"""What boxes share in which people label items: keys, and the session's key in the page's address (`?labels=…`)."""

from __future__ import annotations

FROM_ADDRESS = "(name, key) => [name, new URLSearchParams(location.search).get('labels') || '']"
TO_ADDRESS = """(state) => {
  const url = new URL(location);
  state?.key ? url.searchParams.set("labels", state.key) : url.searchParams.delete("labels");
  history.replaceState(null, "", url);
}"""
DESK, SKIP, UNDO = "label-desk", "label-skip", "label-undo"  # ids of the labels (a Radio) and of two buttons
# One listener for the page: it presses what is in sight, unless somebody writes.
KEYS = """
if (!window.labelKeys) {
  window.labelKeys = true;
  document.addEventListener("keydown", (event) => {
    const at = document.activeElement;
    const writes = at && at.matches("textarea, [contenteditable=true], input:not([type=radio])");
    if (writes || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const desk = document.querySelector("#label-desk");
    if (!desk || !desk.offsetParent) return;
    const press = { s: "#label-skip", u: "#label-undo" }[event.key.toLowerCase()];
    const labels = desk.querySelectorAll("input[type=radio]");
    const target = press ? document.querySelector(press) : labels[Number(event.key) - 1];
    if (target) { event.preventDefault(); target.click(); }
  });
}
"""
