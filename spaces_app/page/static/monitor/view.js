// The view of one run: its curves, and its parts on the page.

// Another run gets a new view, so nothing of the last one stays behind.
function makeView(root, runId) {
  const view = { curves: newCurves(), status: null };
  const render = () => view.status && renderRun();
  const parts = { head: makeHead(), decided: makeDecided(), charts: makeCharts(render), facts: makeFacts(), metrics: makeMetrics(), previews: makePreviews(render), log: makeLog() };
  const run = html("div", {}, ...[parts.head, parts.decided, parts.charts, parts.facts, parts.metrics, parts.previews, parts.log].map((part) => part.node));

  function renderRun() {
    const { curves, status } = view;
    root.dataset.status = String(status.status);
    renderHead(parts.head, curves, status);
    renderRemarks(parts.head.remarks, remarksOf(curves, status));
    parts.charts.node.hidden = parts.facts.node.hidden = !curves.train.length && status.status !== "running";
    parts.log.node.hidden = false;
    renderDecided(parts.decided, curves.decided);
    renderCharts(parts.charts, curves);
    renderFacts(parts.facts, curves);
    renderMetrics(parts.metrics, curves, status);
    renderPreviews(parts.previews, curves.previews);
    renderLog(parts.log, status.log_tail);
  }

  function renderNothing(chip, title, remarks) {
    root.dataset.status = "none";
    setText(parts.head.chip, chip);
    setText(parts.head.title, title);
    setText(parts.head.progress, "");
    setText(parts.head.elapsed, "");
    parts.head.fill.style.width = "0";
    renderRemarks(parts.head.remarks, remarks);
    for (const part of [parts.decided, parts.charts, parts.facts, parts.metrics, parts.previews, parts.log]) part.node.hidden = true;
  }

  renderNothing("Loading", "", []);
  setText(parts.head.about, runId);
  root.replaceChildren(runId ? run : emptyState());
  return Object.assign(view, {
    render,
    update({ events, status }) {
      for (const event of events ?? []) if (Object.hasOwn(FOLD, event.event)) FOLD[event.event](view.curves, event);
      view.status = status;
      renderRun();
    },
    refuse(message) {
      view.status = null;
      renderNothing("Unavailable", "", [["This run cannot be shown.", String(message), "red"]]);
    },
    setConnected(yes) {
      setText(parts.head.reconnecting, yes ? "" : "No answer from the server, reconnecting…");
      if (yes && view.status?.status === "running" && !matchMedia("(prefers-reduced-motion: reduce)").matches)
        parts.head.dot.animate([{ opacity: 0.25 }, { opacity: 1 }], { duration: 700, easing: "ease-out" });
    },
  });
}
