// The parts of the monitor: head, charts, facts, metrics, previews and log, each built once and rendered for every state.

const LARGE_IMAGE_PIXELS = 300; // from this width on an image gets the whole panel: charts, strips of images

function card(title, ...controls) {
  return html("section", { class: "card" }, html("div", { class: "card-head" }, html("h3", {}, title), ...controls));
}

function emptyState() {
  const curve = svg("path", { d: "M4 6 C 16 34, 34 30, 68 35" });
  const title = html("h2", {}, "No run to show yet");
  const text = html("p", { class: "soft" }, "Start a training run: its progress, curves, previews and log appear here.");
  return html("div", { class: "card empty" }, svg("svg", { viewBox: "0 0 72 40", "aria-hidden": "true" }, curve), title, text);
}

function makeHead() {
  const parts = { chip: html("span"), dot: html("span", { class: "dot" }), reconnecting: html("span", { class: "reconnecting" }) };
  parts.title = html("h2");
  parts.about = html("span", { class: "about soft small mono push" });
  parts.fill = html("div", { class: "fill" });
  parts.track = html("div", { class: "track", role: "progressbar", "aria-label": "Training progress", "aria-valuemin": 0 }, parts.fill);
  parts.progress = html("span");
  parts.elapsed = html("span", { class: "soft" });
  parts.remarks = html("div", { "aria-live": "polite" });
  const state = html("span", { class: "state", role: "status", "aria-live": "polite" }, html("span", { class: "chip" }, parts.dot, parts.chip), parts.reconnecting);
  const text = html("div", { class: "progress-text" }, parts.progress, parts.elapsed);
  parts.node = html("section", { class: "card" }, html("div", { class: "head" }, state, parts.title, parts.about), parts.track, text, parts.remarks);
  return parts;
}

function makeCharts(render) {
  const [loss, metric] = [makeChart(), makeChart()];
  const log = html("input", { type: "checkbox" });
  const select = html("select", { "aria-label": "Metric to plot" });
  const waiting = html("div", { class: "waiting" }, "The curves appear with the first steps.");
  const lossCard = card("Loss", loss.legend, html("label", { class: "control push" }, log, "log scale"));
  const metricCard = card("Evaluation", html("label", { class: "control push" }, select));
  lossCard.append(waiting, loss.frame);
  metricCard.append(metric.frame);
  log.addEventListener("change", render);
  select.addEventListener("change", render);
  return { node: html("div", { class: "charts" }, lossCard, metricCard), loss, metric, log, select, waiting, metricCard };
}

function makeTile(name) {
  const tile = { number: html("span"), note: html("small") };
  tile.line = html("dd", {}, tile.number);
  tile.node = html("dl", { class: "tile" }, html("dt", {}, name), tile.line, html("dd", {}, tile.note));
  return tile;
}

function makeFacts() {
  const facts = { loss: makeTile("Training loss"), learningRate: makeTile("Learning rate"), gradNorm: makeTile("Gradient norm"), checkpoint: makeTile("Last checkpoint") };
  facts.spark = svg("svg", { class: "spark", viewBox: "0 0 100 22", preserveAspectRatio: "none", role: "img" });
  facts.learningRate.line.append(facts.spark);
  facts.node = html("div", { class: "tiles" }, ...[facts.loss, facts.learningRate, facts.gradNorm, facts.checkpoint].map((tile) => tile.node));
  return facts;
}

function makePreviews(render) {
  const range = html("input", { type: "range", min: 0, "aria-label": "Step of the preview" });
  const step = html("span", { class: "soft small" });
  const body = html("div");
  const node = card("Preview", html("span", { class: "scrub push" }, range, step));
  node.append(body);
  range.addEventListener("input", render);
  return { node, range, step, body, shown: null };
}

function makeMetrics() {
  const body = html("div", { class: "table-frame", tabindex: "0", role: "region", "aria-label": "Metrics" });
  const node = card("Metrics");
  node.append(body);
  return { node, body, shown: "" };
}

function makeLog() {
  const text = html("pre", { tabindex: "0", "aria-label": "Last lines of the log" });
  return { node: html("details", { class: "card log" }, html("summary", {}, "Log"), text), text };
}

function plotSparkline(node, points) {
  const values = points.map((point) => point.value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const y = (value) => (high === low ? 11 : 20 - ((value - low) / (high - low)) * 18);
  const path = points.map((point, index) => `${index ? "L" : "M"}${((index / Math.max(1, points.length - 1)) * 100).toFixed(1)} ${y(point.value).toFixed(1)}`);
  node.replaceChildren(svg("path", { d: path.join("") }));
}

function renderHead(head, curves, status) {
  const label = Object.hasOwn(LABELS, status.status) ? LABELS[status.status] : "Unknown";
  setText(head.chip, status.status === "running" && !curves.started ? "Starting" : label);
  setText(head.title, status.title || [status.plugin, status.trainer].filter(Boolean).join(" · "));
  const text = progressText(status, curves.started);
  const progress = status.steps ? Math.min(1, (status.step ?? 0) / status.steps) : 0;
  head.fill.style.width = `${100 * progress}%`;
  setAttributes(head.track, { "aria-valuemax": status.steps || 1, "aria-valuenow": Math.min(status.step ?? 0, status.steps || 1), "aria-valuetext": text });
  setText(head.progress, text);
  setText(head.elapsed, spentText(status));
}

function renderRemarks(node, remarks) {
  const key = JSON.stringify(remarks);
  if (node.dataset.shown === key) return;
  node.dataset.shown = key;
  node.replaceChildren(...remarks.map(([title, text, colour]) => html("div", { class: `remark ${colour}` }, html("strong", {}, title), html("p", {}, text))));
}

function remarksOf(curves, status) {
  const notices = curves.notices.map(({ level, message }) => [level === "red" ? "Serious" : "Notice", String(message ?? ""), level === "red" ? "red" : "amber"]);
  return [endRemark(status), ...notices].filter(Boolean);
}

function renderMetricChoice(charts, names) {
  if (charts.select.dataset.names === names.join("|")) return;
  const chosen = charts.select.value;
  charts.select.dataset.names = names.join("|");
  charts.select.replaceChildren(...names.map((name) => html("option", { value: name }, name)));
  if (names.includes(chosen)) charts.select.value = chosen;
}

function renderCharts(charts, curves) {
  const [loss, names] = [lossSeries(curves), metricNames(curves)];
  charts.waiting.hidden = loss.length > 0;
  charts.loss.frame.hidden = !loss.length;
  charts.metricCard.hidden = !names.length;
  charts.node.classList.toggle("two", names.length > 0);
  plotChart(charts.loss, loss, charts.log.checked);
  renderMetricChoice(charts, names);
  const name = charts.select.value;
  const points = thin(pointsOf(curves.evals, (entry) => entry.metrics?.[name]));
  plotChart(charts.metric, withBest([{ name, kind: "eval", points }]), false);
}

function renderFacts(facts, curves) {
  const last = curves.train.at(-1);
  const losses = lossSeries(curves).find((series) => series.kind === "train")?.points ?? [];
  const rates = thin(pointsOf(curves.train, (entry) => entry.learning_rate));
  setText(facts.loss.number, formatNumber(losses.at(-1)?.value));
  setText(facts.loss.note, losses.length > 1 ? `from ${formatNumber(losses[0].value)}` : "");
  setText(facts.learningRate.number, formatNumber(last?.learning_rate, 3));
  setText(facts.gradNorm.number, formatNumber(last?.grad_norm, 3));
  setText(facts.checkpoint.number, curves.checkpoint ? `step ${curves.checkpoint.step}` : "–");
  setText(facts.checkpoint.note, curves.checkpoint ? formatBytes(curves.checkpoint.size_bytes) : "none yet");
  if (rates.length) setAttributes(facts.spark, { "aria-label": describe({ name: "learning rate", points: rates }) });
  facts.spark.toggleAttribute("hidden", rates.length < 2);
  if (rates.length > 1) plotSparkline(facts.spark, rates);
}

function renderMetrics(metrics, curves, status) {
  const last = Object.keys(status.metrics ?? {}).length ? status.metrics : (curves.evals.at(-1)?.metrics ?? {});
  const bestEval = curves.evals.findLast((entry) => entry.best);
  const best = Object.keys(status.best ?? {}).length ? status.best : (bestEval?.metrics ?? {});
  const names = [...new Set([...Object.keys(last), ...Object.keys(best)])];
  metrics.node.hidden = !names.length;
  const heads = ["Metric", "Last evaluation", bestEval ? `Best (step ${bestEval.step})` : "Best"];
  const rows = names.map((name) => [name, formatNumber(last[name]), formatNumber(best[name])]);
  if (metrics.shown === JSON.stringify([heads, rows])) return;
  metrics.shown = JSON.stringify([heads, rows]);
  metrics.body.replaceChildren(tableOf(heads, rows));
}

function tableOf(heads, rows) {
  const head = html("thead", {}, html("tr", {}, ...heads.map((text) => html("th", { scope: "col" }, text))));
  const cells = ([name, ...numbers]) => [html("th", { scope: "row" }, name), ...numbers.map((text) => html("td", {}, text))];
  return html("table", { class: "metrics" }, head, html("tbody", {}, ...rows.map((row) => html("tr", {}, ...cells(row)))));
}

// What "auto" became: in a line, and unfolded with the reasons.
function makeDecided() {
  const [line, body] = [html("summary"), html("div", { class: "table-frame", tabindex: "0", role: "region", "aria-label": "Decided settings" })];
  return { node: html("details", { class: "card decided", hidden: "" }, line, body), line, body, shown: "" };
}

const DECIDED_NAMES = { model: "start from" };
const nameOfSetting = (name) => DECIDED_NAMES[name] ?? name.replaceAll("_", " ");
const valueOfSetting = (value) => (typeof value === "number" ? formatNumber(value) : String(value ?? "") || "new weights");

function renderDecided(decided, choices) {
  const rows = Object.entries(choices).filter(([, choice]) => choice && typeof choice === "object").map(([name, { value, reason }]) => [nameOfSetting(name), valueOfSetting(value), String(reason ?? "")]);
  decided.node.hidden = !rows.length;
  if (decided.shown === JSON.stringify(rows)) return;
  decided.shown = JSON.stringify(rows);
  setText(decided.line, `Decided for you: ${rows.map(([name, value]) => `${name} ${value}`).join(", ")}`);
  decided.body.replaceChildren(tableOf(["Setting", "Value", "Because of"], rows));
}

// The scrubber stays at the newest preview unless the visitor has moved it back.
function renderPreviews(previews, list) {
  previews.node.hidden = !list.length;
  if (!list.length) return;
  const { range } = previews;
  const newest = range.value === range.max || previews.shown === null;
  range.max = list.length - 1;
  if (newest) range.value = range.max;
  range.hidden = list.length < 2;
  const preview = list[Number(range.value)];
  const text = `step ${preview.step}${Number(range.value) === list.length - 1 ? " (latest)" : ""}`;
  setText(previews.step, text);
  setAttributes(range, { "aria-valuetext": text });
  if (previews.shown === preview) return;
  previews.shown = preview;
  previews.body.replaceChildren(...samplesOf(preview));
}

function samplesOf({ step, items }) {
  const samples = Array.isArray(items) ? items : [];
  const images = samples.filter((item) => isInlineImage(item?.image)).map((item) => imageOf(item, step));
  const texts = samples.filter((item) => item?.text !== undefined).map((item) => html("div", { class: "sample-text" }, String(item.text)));
  return [html("div", { class: "texts" }, ...texts), html("div", { class: "images" }, ...images)].filter((group) => group.childElementCount);
}

// Only images that are part of the event: any other address would make the browser fetch it.
const isInlineImage = (address) => typeof address === "string" && /^data:image\/(png|jpeg|webp|gif);base64,/.test(address);

function imageOf({ image, caption, chart }, step) {
  const node = html("img", { src: image, alt: caption ? String(caption) : `preview at step ${step}` });
  const figure = html("figure", chart ? { class: "chart" } : {}, node);
  node.addEventListener("load", () => figure.classList.toggle("large", node.naturalWidth >= LARGE_IMAGE_PIXELS));
  if (caption) figure.append(html("figcaption", { "aria-hidden": "true" }, String(caption)));
  return figure;
}

function renderLog(log, text) {
  const { scrollTop, clientHeight, scrollHeight } = log.text;
  const atEnd = scrollTop + clientHeight >= scrollHeight - 20;
  setText(log.text, text || "Nothing written yet.");
  if (atEnd) log.text.scrollTop = log.text.scrollHeight;
}
