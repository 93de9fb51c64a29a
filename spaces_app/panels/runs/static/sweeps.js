// Sweeps: the list, and of one its runs, the best of them, and the metric drawn against each setting that was varied.

const sweepView = { node: html("section", { class: "card", "aria-label": "Sweeps", hidden: "" }), list: html("select", { "aria-label": "Sweep" }), body: html("div"), message: alertLine(), metric: "", known: [], timer: 0 };

function makeSweeps() {
  sweepView.list.addEventListener("change", () => chooseSweep(sweepView.list.value));
  sweepView.node.append(html("div", { class: "card-head" }, html("h2", {}, "Sweeps"), sweepView.list), sweepView.message, sweepView.body);
  return sweepView.node;
}

async function loadSweeps() {
  const { result } = await ask("sweeps");
  sweepView.known = result ?? [];
  if (state.sweep && !sweepView.known.some(({ id }) => id === state.sweep)) await chooseSweep(state.sweep);
  renderSweepList();
  if (state.sweep) await chooseSweep(state.sweep);
}

function renderSweepList() {
  const entries = [["Choose a sweep", ""], ...sweepView.known.map(({ id, name, fields, runs }) => [`${name}: ${fields.join(", ")} (${runs} runs)`, id])];
  sweepView.node.hidden = !sweepView.known.length && !state.sweep;
  options(sweepView.list, entries, state.sweep);
}

async function chooseSweep(id) {
  if (state.sweep !== id) sweepView.metric = "";
  state.sweep = id;
  sweepView.node.hidden = false;
  rememberAddress();
  if (!id) return sweepView.body.replaceChildren();
  const sweep = await askOr(sweepView.message, "sweep_status", { sweep: id, metric: sweepView.metric });
  if (sweep && state.sweep === id) renderSweep(sweep);
  else if (state.sweep === id) sweepView.body.replaceChildren();
}

// After a start: the sweep is the newest of the list.
function showSweep(sweep) {
  sweepView.metric = "";
  state.sweep = sweep.id;
  const { id, name, fields, runs } = sweep;
  sweepView.known = [{ id, name, fields: fields.map((each) => each.name), runs: runs.length }, ...sweepView.known.filter((each) => each.id !== id)];
  renderSweepList();
  renderSweep(sweep);
  rememberAddress();
  sweepView.node.scrollIntoView({ block: "start" });
}

function renderSweep(sweep) {
  clearTimeout(sweepView.timer);
  const going = sweep.runs.some(({ status }) => ACTIVE.includes(status));
  const open = sweep.runs.filter(({ status }) => ["cancelled", "failed", "lost"].includes(status));
  const usable = [...sweep.runs].filter(({ status }) => status !== "deleted").sort(byValue(sweep));
  const act = (name) => async () => {
    const answer = await askOr(sweepView.message, name, { sweep: sweep.id });
    if (answer) renderSweep(answer);
    await refresh();
  };
  const select = choice(sweep.metrics.map((name) => [name, name]), sweep.metric, { "aria-label": "Metric of the sweep" });
  select.addEventListener("change", () => {
    sweepView.metric = select.value;
    chooseSweep(sweep.id);
  });
  const controls = [
    sweep.metrics.length > 1 && html("label", { class: "control" }, "Judge by", select),
    usable.length > 1 && button(`Compare the best ${Math.min(MOST_COMPARED, usable.length)}`, () => compare(usable.slice(0, MOST_COMPARED).map(({ run }) => run))),
    going && busyButton("Stop the whole sweep", act("sweep_stop"), { class: "stop" }),
    open.length > 0 && busyButton(`Resume ${open.length === 1 ? "1 run" : `${open.length} runs`}`, act("sweep_resume")),
  ];
  const focused = sweepView.body.contains(document.activeElement) ? document.activeElement.textContent : "";
  const charts = sweep.fields.filter(() => sweep.runs.some(({ value }) => Number.isFinite(value))).map((axis) => scatterOf(sweep, axis));
  sweepView.body.replaceChildren(bestText(sweep), html("div", { class: "bar" }, ...controls.filter(Boolean)), html("div", { class: "scatters" }, ...charts), sweepTable(sweep, usable));
  if (focused) [...sweepView.body.querySelectorAll("button")].find((node) => node.textContent === focused)?.focus({ preventScroll: true });
  if (going) sweepView.timer = setTimeout(() => element.isConnected && !document.hidden && state.sweep === sweep.id && chooseSweep(sweep.id), ACTIVE_MS);
}

// The best first; runs without a value last.
function byValue({ lower_is_better }) {
  const rank = ({ value }) => (Number.isFinite(value) ? (lower_is_better ? value : -value) : Infinity);
  return (one, other) => (rank(one) === rank(other) ? 0 : rank(one) - rank(other));
}

const valuesText = (values) => Object.entries(values).map(([name, value]) => `${name} ${valueText(value)}`).join(", ");

function bestText(sweep) {
  const counts = Object.entries(sweep.counts).map(([status, number]) => `${number} ${label(status).toLowerCase()}`).join(", ");
  const best = sweep.runs.find(({ run }) => run === sweep.best);
  const text = html("p", {}, `${sweep.runs.length} runs: ${counts}. `);
  if (!best) return text;
  const direction = sweep.lower_is_better ? "lower is better" : "higher is better";
  text.append(sweep.runs.some(({ status }) => ACTIVE.includes(status)) ? "Best so far by " : "Best by ", html("strong", {}, sweep.metric), ` (${direction}): `, html("strong", {}, formatNumber(best.value)), ` with ${valuesText(best.values)}. `, link(best.run, "Open this run"));
  return text;
}

function sweepTable(sweep, usable) {
  const heads = [...sweep.fields.map(({ name }) => name), sweep.metric || "metric", "time", "status", ""];
  const rows = usable.map(({ run, values, value, seconds, status }) => {
    const cells = [...sweep.fields.map(({ name }) => valueText(values[name])), formatNumber(value ?? NaN), seconds ? formatSeconds(seconds) : "–", label(status), link(run, "Open")];
    return html("tr", { class: run === sweep.best ? "picked" : "" }, ...cells.map((cell) => html("td", {}, cell)));
  });
  const table = html("table", { class: "metrics rows" }, html("thead", {}, html("tr", {}, ...heads.map((text) => html(text ? "th" : "td", text ? { scope: "col" } : {}, text)))), html("tbody", {}, ...rows));
  return html("div", { class: "table-frame tall", tabindex: "0", role: "region", "aria-label": "Runs of the sweep" }, table);
}
