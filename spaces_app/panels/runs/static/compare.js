// Several runs side by side: curves over each other, settings that differ, metrics, and the rows that they got wrong.

const comparison = { node: html("section", { class: "card", "aria-label": "Comparison", hidden: "" }), chart: makeChart(), answer: null };

async function compare(runs) {
  state.compared = runs;
  rememberAddress();
  const message = alertLine();
  comparison.node.hidden = false;
  comparison.node.replaceChildren(html("p", { class: "soft", role: "status" }, "Comparing …"), message);
  comparison.node.scrollIntoView({ block: "start" });
  const answer = await askOr(message, "compare", { runs });
  comparison.node.firstChild.remove();
  if (state.compared !== runs) return;
  if (!answer) return comparison.node.append(button("Close", closeComparison));
  comparison.answer = answer;
  renderComparison(answer);
}

function closeComparison() {
  state.compared = [];
  comparison.node.hidden = true;
  rememberAddress();
}

function renderComparison(answer) {
  const names = answer.runs.map((run, place) => `${titleOf(run)}${answer.runs.some((other, at) => at !== place && titleOf(other) === titleOf(run)) ? ` (${run.id.slice(-4)})` : ""}`);
  const metrics = Object.keys(answer.curves);
  const select = choice(metrics.map((name) => [name, name]), firstMetric(answer), { "aria-label": "Metric to plot" });
  const log = html("input", { type: "checkbox" });
  const draw = () => drawCurves(answer, names, select.value, log.checked);
  for (const control of [select, log]) control.addEventListener("change", draw);
  const head = html("div", { class: "card-head" }, html("h2", {}, `${answer.runs.length} runs compared`), html("span", { class: "push" }, button("Close", closeComparison)));
  const controls = html("div", { class: "card-head" }, html("h3", {}, "Curves"), html("label", { class: "control" }, select), html("label", { class: "control" }, log, "log scale"));
  comparison.note = html("p", { class: "soft small" });
  const curves = metrics.length ? [controls, comparison.chart.legend, comparison.chart.frame, comparison.note] : [html("h3", {}, "Curves"), html("p", { class: "soft" }, "None of these runs has taken a step yet.")];
  comparison.node.replaceChildren(head, ...curves, html("h3", {}, "Best metrics"), metricsOf(answer, names), html("h3", {}, "Settings that differ"), settingsOf(answer, names), html("h3", {}, "Predictions"), predictionsOf(answer.predictions, names));
  if (metrics.length) draw();
}

const firstMetric = ({ curves, metrics }) => metrics.find(({ name }) => name !== "loss" && name in curves)?.name ?? ("loss" in curves ? "loss" : Object.keys(curves)[0]);

function drawCurves({ curves }, names, metric, log) {
  const series = curves[metric].map((points, place) => ({ name: names[place], kind: `run${place}`, points: points.map(([step, value]) => ({ step, value })) }));
  const missing = names.filter((_, place) => !curves[metric][place].length);
  setText(comparison.note, missing.length ? `Without ${metric}: ${missing.join(", ")}.` : "");
  plotChart(comparison.chart, series, log);
}

const swatch = (place) => html("i", { class: `swatch run${place}`, "aria-hidden": "true" });
const headRow = (first, names) => html("tr", {}, html("th", { scope: "col" }, first), ...names.map((name, place) => html("th", { scope: "col" }, swatch(place), name)));

function sideBySide(caption, first, names, rows) {
  const body = rows.map(([name, cells]) => html("tr", {}, html("th", { scope: "row" }, name), ...cells));
  const table = html("table", { class: "metrics side" }, html("thead", {}, headRow(first, names)), html("tbody", {}, ...body));
  return html("div", { class: "table-frame", tabindex: "0", role: "region", "aria-label": caption }, table);
}

function metricsOf({ metrics }, names) {
  if (!metrics.length) return html("p", { class: "soft" }, "None of these runs has been evaluated yet.");
  const cell = (value, best) => html("td", { class: best ? "best" : "" }, formatNumber(value ?? NaN), ...(best ? [html("span", { class: "small" }, " best")] : []));
  const rows = metrics.map(({ name, values, best, lower_is_better }) => [`${name} (${lower_is_better ? "lower" : "higher"} is better)`, values.map((value, place) => cell(value, best.includes(place)))]);
  return sideBySide("Best metrics", "Metric", names, rows);
}

function settingsOf({ settings }, names) {
  if (!settings.length) return html("p", { class: "soft" }, "All settings are the same.");
  return sideBySide("Settings that differ", "Setting", names, settings.map(({ name, values }) => [name, values.map((value) => html("td", {}, valueText(value)))]));
}

function predictionsOf({ message, columns, rows, wrong, wrong_in_all }, names) {
  if (!rows) return html("p", { class: "soft" }, message);
  if (!rows.length) return html("p", { class: "soft" }, "No run has a wrong row in its report.");
  const counts = wrong.map((number, place) => `${names[place]}: ${number}`).join(", ");
  const head = html("tr", {}, ...columns.map((name) => html("th", { scope: "col" }, name)), ...names.map((name, place) => html("th", { scope: "col" }, swatch(place), name)));
  const body = rows.map((cells) => html("tr", {}, ...cells.map((cell, place) => html("td", { class: columns[place] === "text" ? "wide" : "" }, cell))));
  const table = html("table", { class: "metrics rows" }, html("thead", {}, head), html("tbody", {}, ...body));
  const frame = html("div", { class: "table-frame tall", tabindex: "0", role: "region", "aria-label": "Rows that were wrong" }, table);
  return html("div", {}, html("p", {}, `Wrong rows in the reports: ${counts}. In all of them: ${wrong_in_all}.`), html("p", { class: "soft small" }, message), frame);
}
