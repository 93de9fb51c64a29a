// The drawing half of RunMonitor. Gradio runs this text as a function of (element, trigger, props, server, upload, watch)
// once the component is on the page. Whatever a run says reaches the page as text nodes and attributes, never as markup.

const POLL_MS = 1000; // while the run is queued or running
const ENDED_MS = 4000; // after it has ended, as long as somebody could resume it
const ERROR_MS = 5000; // after an answer that says why there is nothing to show
const LONGEST_RETRY_MS = 8000; // while the server does not answer
const ANSWER_MS = 20000; // an answer that takes longer counts as none
const MOST_POINTS = 600; // drawn for one curve
const LARGE = 300; // pixels of a picture from which it gets the whole width: charts, strips of pictures
const MOST_PREVIEWS = 40; // kept for the scrubber: they may hold images
const SMOOTHING = 0.9; // weight of the past in the smoothed training loss

const LABELS = { queued: "Queued", running: "Running", finished: "Finished", cancelled: "Cancelled", failed: "Failed", lost: "Lost" };

// ---- elements -----------------------------------------------------------------------------------------------------

function setAttributes(node, attributes) {
  for (const [name, content] of Object.entries(attributes)) node.setAttribute(name, content);
  return node;
}

function html(tag, attributes = {}, ...children) {
  const node = setAttributes(document.createElement(tag), attributes);
  node.append(...children);
  return node;
}

function svg(tag, attributes = {}, ...children) {
  const node = setAttributes(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes);
  node.append(...children);
  return node;
}

// Writing the same text again would make screen readers repeat it and drop a selection.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// ---- words and numbers --------------------------------------------------------------------------------------------

function formatNumber(number, digits = 4) {
  if (!Number.isFinite(number)) return "–";
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return number.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
  if (size >= 1000) return Math.round(number).toLocaleString("en");
  return String(Number(number.toPrecision(digits)));
}

function formatSeconds(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (hours) return `${hours} h ${minutes} min`;
  if (minutes >= 10 || (minutes && !rest)) return `${minutes} min`;
  return minutes ? `${minutes} min ${rest} s` : `${rest} s`;
}

function formatBytes(bytes) {
  if (!Number.isFinite(bytes)) return "–";
  const power = Math.min(4, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${["B", "kB", "MB", "GB", "TB"][power]}`;
}

function progressText({ status, step, steps, rate, seconds_left, queue_position }, started) {
  if (status === "queued") return queue_position ? `number ${queue_position} in the queue` : "waiting for its turn";
  if (status === "running" && !started) return "loading the model and the data";
  const parts = [steps ? `step ${step ?? 0} of ${steps}` : `step ${step ?? 0}`];
  if (status === "running" && Number.isFinite(rate)) parts.push(`${formatNumber(rate, 3)} rows/s`);
  if (status === "running" && Number.isFinite(seconds_left)) parts.push(`${formatSeconds(seconds_left)} left`);
  return parts.join(" · ");
}

function spentText({ seconds, size_bytes }) {
  const time = Number.isFinite(seconds) ? `${formatSeconds(seconds)} elapsed` : "";
  return [time, Number.isFinite(size_bytes) ? `${formatBytes(size_bytes)} on disk` : ""].filter(Boolean).join(" · ");
}

// What the run's end means for the visitor: [title, text, colour], or nothing.
function endRemark({ status, message, step, can_resume }) {
  const resume = can_resume ? "Resume continues from its last checkpoint." : "";
  if (status === "failed") return ["The run failed.", [message || "The log below may say why.", resume].filter(Boolean).join("\n"), "red"];
  if (status === "lost") return ["The trainer stopped without a word.", ["The machine may have restarted or run out of memory.", message, resume].filter(Boolean).join(" "), "amber"];
  if (status === "cancelled") return [`Stopped at step ${step ?? 0}.`, [message, resume].filter(Boolean).join(" "), ""];
  return null;
}

// ---- curves: from events to points ---------------------------------------------------------------------------------

function newCurves() {
  return { train: [], evals: [], previews: [], notices: [], started: null, checkpoint: null };
}

// A resumed run tells the steps after its checkpoint again: what lies after `step` is no longer true.
function forgetAfter(curves, step) {
  for (const list of [curves.train, curves.evals, curves.previews]) while (list.length && list.at(-1).step > step) list.pop();
}

function put(list, entry) {
  while (list.length && list.at(-1).step >= entry.step) list.pop();
  list.push(entry);
}

function keepEverySecond(list) {
  return list.filter((_, index) => index % 2 === 0 || index === list.length - 1);
}

const TAKE = {
  queued: (curves) => Object.assign(curves, { notices: [], started: null }),
  starting: (curves) => Object.assign(curves, { started: null }),
  started: (curves, event) => {
    curves.started = event;
    forgetAfter(curves, event.step ?? 0);
  },
  step: (curves, event) => {
    forgetAfter(curves, event.step);
    put(curves.train, event);
  },
  eval: (curves, event) => {
    forgetAfter(curves, event.step);
    put(curves.evals, event);
  },
  sample: (curves, event) => {
    put(curves.previews, event);
    if (curves.previews.length > MOST_PREVIEWS) curves.previews = keepEverySecond(curves.previews);
  },
  checkpoint: (curves, event) => Object.assign(curves, { checkpoint: event }),
  notice: (curves, event) => {
    curves.notices = [...curves.notices.filter((known) => known.message !== event.message), event].slice(-5);
  },
};

function pointsOf(list, pick) {
  return list.map((entry) => ({ step: entry.step, value: pick(entry), best: entry.best })).filter((point) => Number.isFinite(point.step) && Number.isFinite(point.value));
}

// At most MOST_POINTS points: the mean of each group of neighbours, at the group's last step; the end stays exact.
function thin(points) {
  const group = Math.ceil(points.length / MOST_POINTS);
  if (group <= 1) return points;
  const thinned = [];
  for (let end = points.length; end > 0; end -= group) {
    const part = points.slice(Math.max(0, end - group), end);
    const mean = part.reduce((sum, point) => sum + point.value, 0) / part.length;
    thinned.push({ step: part.at(-1).step, value: mean, best: part.some((point) => point.best) });
  }
  return thinned.reverse();
}

// Exponential moving average with the start-up bias taken out (Kingma & Ba, 2015, section 3).
function smooth(points) {
  let [average, weight] = [0, 0];
  return points.map(({ step, value }) => {
    average = SMOOTHING * average + (1 - SMOOTHING) * value;
    weight = SMOOTHING * weight + (1 - SMOOTHING);
    return { step, value: average / weight };
  });
}

const evalLoss = (entry) => entry.metrics?.loss ?? entry.metrics?.eval_loss;

function lossSeries(curves) {
  const raw = thin(pointsOf(curves.train, (entry) => entry.loss));
  return [
    { name: "training loss, raw", kind: "raw", points: raw, quiet: true },
    { name: "training loss", kind: "train", points: smooth(raw) },
    { name: "evaluation loss", kind: "eval", points: thin(pointsOf(curves.evals, evalLoss)) },
  ].filter((series) => series.points.length);
}

function metricNames(curves) {
  const names = new Set(curves.evals.flatMap((entry) => Object.keys(entry.metrics ?? {})));
  return [...names].filter((name) => name !== "loss" && name !== "eval_loss");
}

function describe({ name, points }) {
  const [first, last] = [points[0], points.at(-1)];
  const [from, to] = [formatNumber(first.value, 3), formatNumber(last.value, 3)];
  if (points.length === 1 || from === to) return `${name} is ${to} at step ${last.step}`;
  return `${name} ${last.value < first.value ? "fell" : "rose"} from ${from} to ${to} over ${last.step - first.step} steps`;
}

// ---- a chart ------------------------------------------------------------------------------------------------------

function niceTicks(low, high, count, smallest = 0) {
  const raw = Math.max((high - low) / count, smallest, Number.MIN_VALUE);
  const power = 10 ** Math.floor(Math.log10(raw));
  const gap = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw / 1.5); // the closest, roughly
  const first = Math.ceil(low / gap - 1e-9);
  const length = Math.max(0, Math.floor(high / gap + 1e-9) - first + 1);
  return Array.from({ length }, (_, index) => Number(((first + index) * gap).toPrecision(12)));
}

function logTicks(low, high) {
  const powers = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, index) => Math.floor(low) + index);
  const inside = (factors) => powers.flatMap((power) => factors.map((factor) => factor * 10 ** power)).filter((tick) => Math.log10(tick) >= low && Math.log10(tick) <= high);
  const [fine, coarse] = [inside([1, 2, 5]), inside([1])];
  if (fine.length < 2) return niceTicks(10 ** low, 10 ** high, 4);
  return fine.length > 7 ? coarse : fine;
}

function padded(low, high, floor) {
  const pad = (high - low || Math.abs(high) || 1) * 0.06;
  return [Math.max(floor, low - pad), high + pad];
}

// Pixels of a step and of a value, and the ticks; `plane` gives height on the page: the value or its logarithm.
function makeScale(series, width, height, log) {
  const box = { left: 50, right: width - 14, top: 12, bottom: height - 38 };
  const points = series.flatMap((one) => one.points);
  const plane = log ? Math.log10 : (number) => number;
  const values = points.map((point) => plane(point.value));
  const [low, high] = padded(Math.min(...values), Math.max(...values), !log && Math.min(...values) >= 0 ? 0 : -Infinity);
  const [first, to] = [Math.min(...points.map((point) => point.step)), Math.max(...points.map((point) => point.step))];
  const from = first <= to / 10 ? 0 : first;
  return {
    box,
    x: (step) => (to === from ? (box.left + box.right) / 2 : box.left + ((step - from) / (to - from)) * (box.right - box.left)),
    y: (value) => box.bottom - ((plane(value) - low) / (high - low)) * (box.bottom - box.top),
    xTicks: niceTicks(from, to, Math.max(3, Math.floor(width / 90)), 1),
    yTicks: log ? logTicks(low, high) : niceTicks(low, high, 4),
  };
}

function drawAxes({ box, x, y, xTicks, yTicks }) {
  const axes = svg("g", { "aria-hidden": "true" });
  for (const tick of yTicks) {
    axes.append(svg("line", { class: "grid", x1: box.left, x2: box.right, y1: y(tick), y2: y(tick) }));
    axes.append(svg("text", { x: box.left - 8, y: y(tick) + 4, "text-anchor": "end" }, formatNumber(tick)));
  }
  for (const tick of xTicks) axes.append(svg("text", { x: x(tick), y: box.bottom + 17, "text-anchor": "middle" }, tick.toLocaleString("en")));
  axes.append(svg("text", { x: (box.left + box.right) / 2, y: box.bottom + 34, "text-anchor": "middle" }, "step"));
  return axes;
}

function drawCurve({ kind, points, quiet }, { x, y, box }) {
  const path = points.map((point, index) => `${index ? "L" : "M"}${x(point.step).toFixed(1)} ${y(point.value).toFixed(1)}`).join("");
  const group = svg("g", { class: kind }, svg("path", { class: `curve ${kind}`, d: path, "data-points": points.length }));
  const dots = quiet || (points.length > 1 && (kind === "train" || points.length > 40)) ? [] : points;
  for (const point of dots) group.append(svg("circle", { class: "point", cx: x(point.step), cy: y(point.value), r: 3.5 }));
  const best = points.findLast((point) => point.best);
  if (best) group.append(...drawBest(x(best.step), y(best.value), box));
  return group;
}

function drawBest(x, y, box) {
  const anchor = x > box.right - 30 ? "end" : x < box.left + 30 ? "start" : "middle";
  const label = svg("text", { class: "best-label", stroke: "none", x, y: y < box.top + 18 ? y + 20 : y - 11, "text-anchor": anchor }, "best");
  return [svg("circle", { class: "best", cx: x, cy: y, r: 5 }), label];
}

function nearest(points, step) {
  return points.reduce((closest, point) => (Math.abs(point.step - step) < Math.abs(closest.step - step) ? point : closest));
}

function makeChart() {
  const plot = svg("svg", { class: "plot", role: "img", tabindex: "0" });
  const tip = html("div", { class: "tip", "aria-live": "polite", hidden: "" });
  const legend = html("div", { class: "legend" });
  const chart = { plot, tip, legend, frame: html("div", { class: "frame" }, plot, tip), cross: svg("g"), series: [], step: null };
  plot.addEventListener("pointermove", (event) => pointAt(chart, event.offsetX));
  plot.addEventListener("pointerleave", () => showStep(chart, null));
  plot.addEventListener("blur", () => showStep(chart, null));
  plot.addEventListener("keydown", (event) => moveByKey(chart, event));
  return chart;
}

function drawChart(chart, series, log) {
  const width = chart.frame.clientWidth;
  chart.series = series.map((one) => ({ ...one, points: log ? one.points.filter((point) => point.value > 0) : one.points }));
  chart.series = chart.series.filter((one) => one.points.length);
  if (!width || !chart.series.length) return;
  const height = width < 460 ? 210 : 250;
  chart.scale = makeScale(chart.series, width, height, log);
  const loud = chart.series.filter((one) => !one.quiet);
  setAttributes(chart.plot, { viewBox: `0 0 ${width} ${height}`, height, "aria-label": loud.map(describe).join("; ") });
  chart.plot.replaceChildren(drawAxes(chart.scale), ...chart.series.map((one) => drawCurve(one, chart.scale)), chart.cross);
  chart.legend.replaceChildren(...loud.map(({ name, kind }) => html("span", {}, html("i", { class: kind }), name)));
  showStep(chart, chart.step);
}

const longest = (chart) => chart.series.reduce((most, one) => (one.points.length > most.points.length ? one : most)).points;

function pointAt(chart, pixel) {
  if (!chart.series.length) return;
  const points = longest(chart);
  const distance = (point) => Math.abs(chart.scale.x(point.step) - pixel);
  showStep(chart, points.reduce((closest, point) => (distance(point) < distance(closest) ? point : closest)).step);
}

function moveByKey(chart, event) {
  const move = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
  if (!move || !chart.series.length) return;
  event.preventDefault();
  const points = longest(chart);
  const here = chart.step === null ? points.length - 1 : points.indexOf(nearest(points, chart.step));
  showStep(chart, points[Math.min(points.length - 1, Math.max(0, here + move))].step);
}

// The crosshair and its values; null takes it away.
function showStep(chart, step) {
  chart.step = step;
  chart.tip.hidden = step === null || !chart.series.length;
  chart.cross.replaceChildren();
  if (chart.tip.hidden) return;
  const { x, y, box } = chart.scale;
  const at = x(nearest(longest(chart), step).step);
  chart.cross.append(svg("line", { class: "cross", x1: at, x2: at, y1: box.top, y2: box.bottom }));
  const rows = chart.series.map(({ name, kind, points }) => {
    const point = nearest(points, step);
    chart.cross.append(svg("g", { class: kind }, svg("circle", { class: "point", cx: x(point.step), cy: y(point.value), r: 4 })));
    return html("div", {}, `${name} ${formatNumber(point.value)}${point.step === step ? "" : ` (step ${point.step})`}`);
  });
  chart.tip.replaceChildren(html("strong", {}, `step ${step.toLocaleString("en")}`), ...rows);
  setAttributes(chart.tip, { style: at > (box.left + box.right) / 2 ? `right: ${chart.frame.clientWidth - at + 10}px` : `left: ${at + 10}px` });
}

function drawSpark(node, points) {
  const values = points.map((point) => point.value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const y = (value) => (high === low ? 11 : 20 - ((value - low) / (high - low)) * 18);
  const path = points.map((point, index) => `${index ? "L" : "M"}${((index / Math.max(1, points.length - 1)) * 100).toFixed(1)} ${y(point.value).toFixed(1)}`);
  node.replaceChildren(svg("path", { d: path.join("") }));
}

// ---- the page -----------------------------------------------------------------------------------------------------

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

function makeCharts(redraw) {
  const [loss, metric] = [makeChart(), makeChart()];
  const log = html("input", { type: "checkbox" });
  const select = html("select", { "aria-label": "Metric to draw" });
  const waiting = html("div", { class: "waiting" }, "The curves appear with the first steps.");
  const lossCard = card("Loss", loss.legend, html("label", { class: "control push" }, log, "log scale"));
  const metricCard = card("Evaluation", html("label", { class: "control push" }, select));
  lossCard.append(waiting, loss.frame);
  metricCard.append(metric.frame);
  log.addEventListener("change", redraw);
  select.addEventListener("change", redraw);
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

function makePreviews(redraw) {
  const range = html("input", { type: "range", min: 0, "aria-label": "Step of the preview" });
  const step = html("span", { class: "soft small" });
  const body = html("div");
  const node = card("Preview", html("span", { class: "scrub push" }, range, step));
  node.append(body);
  range.addEventListener("input", redraw);
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

// ---- drawing one state of the run ------------------------------------------------------------------------------------

function drawHead(head, curves, status) {
  const known = Object.hasOwn(LABELS, status.status);
  setText(head.chip, status.status === "running" && !curves.started ? "Starting" : known ? LABELS[status.status] : "Unknown");
  setText(head.title, status.title || [status.plugin, status.trainer].filter(Boolean).join(" · "));
  const text = progressText(status, curves.started);
  const share = status.steps ? Math.min(1, (status.step ?? 0) / status.steps) : 0;
  head.fill.style.width = `${100 * share}%`;
  setAttributes(head.track, { "aria-valuemax": status.steps || 1, "aria-valuenow": Math.min(status.step ?? 0, status.steps || 1), "aria-valuetext": text });
  setText(head.progress, text);
  setText(head.elapsed, spentText(status));
}

function drawRemarks(node, remarks) {
  const key = JSON.stringify(remarks);
  if (node.dataset.shown === key) return;
  node.dataset.shown = key;
  node.replaceChildren(...remarks.map(([title, text, colour]) => html("div", { class: `remark ${colour}` }, html("strong", {}, title), html("p", {}, text))));
}

function remarksOf(curves, status) {
  const notices = curves.notices.map(({ level, message }) => [level === "red" ? "Serious" : "Notice", String(message ?? ""), level === "red" ? "red" : "amber"]);
  return [endRemark(status), ...notices].filter(Boolean);
}

function drawMetricChoice(charts, names) {
  if (charts.select.dataset.names === names.join("|")) return;
  const chosen = charts.select.value;
  charts.select.dataset.names = names.join("|");
  charts.select.replaceChildren(...names.map((name) => html("option", { value: name }, name)));
  if (names.includes(chosen)) charts.select.value = chosen;
}

function drawCharts(charts, curves) {
  const [loss, names] = [lossSeries(curves), metricNames(curves)];
  charts.waiting.hidden = loss.length > 0;
  charts.loss.frame.hidden = !loss.length;
  charts.metricCard.hidden = !names.length;
  charts.node.classList.toggle("two", names.length > 0);
  drawChart(charts.loss, loss, charts.log.checked);
  drawMetricChoice(charts, names);
  const name = charts.select.value;
  const points = thin(pointsOf(curves.evals, (entry) => entry.metrics?.[name]));
  drawChart(charts.metric, points.length ? [{ name, kind: "eval", points }] : [], false);
}

function drawFacts(facts, curves) {
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
  if (rates.length > 1) drawSpark(facts.spark, rates);
}

function drawMetrics(metrics, curves, status) {
  const last = Object.keys(status.metrics ?? {}).length ? status.metrics : (curves.evals.at(-1)?.metrics ?? {});
  const bestEval = curves.evals.findLast((entry) => entry.best);
  const best = Object.keys(status.best ?? {}).length ? status.best : (bestEval?.metrics ?? {});
  const names = [...new Set([...Object.keys(last), ...Object.keys(best)])];
  metrics.node.hidden = !names.length;
  const heads = ["Metric", "Last evaluation", bestEval ? `Best (step ${bestEval.step})` : "Best"];
  const rows = names.map((name) => [name, formatNumber(last[name]), formatNumber(best[name])]);
  if (metrics.shown === JSON.stringify([heads, rows])) return;
  metrics.shown = JSON.stringify([heads, rows]);
  metrics.body.replaceChildren(drawTable(heads, rows));
}

function drawTable(heads, rows) {
  const head = html("thead", {}, html("tr", {}, ...heads.map((text) => html("th", { scope: "col" }, text))));
  const cells = ([name, ...numbers]) => [html("th", { scope: "row" }, name), ...numbers.map((text) => html("td", {}, text))];
  return html("table", { class: "metrics" }, head, html("tbody", {}, ...rows.map((row) => html("tr", {}, ...cells(row)))));
}

// The scrubber stays at the newest preview unless the visitor has moved it back.
function drawPreviews(previews, list) {
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
  previews.body.replaceChildren(...drawSamples(preview));
}

function drawSamples({ step, items }) {
  const known = Array.isArray(items) ? items : [];
  const images = known.filter((item) => isPicture(item?.image)).map((item) => drawImage(item, step));
  const texts = known.filter((item) => item?.text !== undefined).map((item) => html("div", { class: "sample-text" }, String(item.text)));
  return [html("div", { class: "texts" }, ...texts), html("div", { class: "images" }, ...images)].filter((group) => group.childElementCount);
}

// Only pictures that travel inside the event: any other address would make the browser fetch it.
const isPicture = (address) => typeof address === "string" && /^data:image\/(png|jpeg|webp|gif);base64,/.test(address);

function drawImage({ image, caption }, step) {
  const picture = html("img", { src: image, alt: caption ? String(caption) : `preview at step ${step}` });
  const figure = html("figure", {}, picture);
  picture.addEventListener("load", () => figure.classList.toggle("large", picture.naturalWidth >= LARGE));
  if (caption) figure.append(html("figcaption", { "aria-hidden": "true" }, String(caption)));
  return figure;
}

function drawLog(log, text) {
  const { scrollTop, clientHeight, scrollHeight } = log.text;
  const atEnd = scrollTop + clientHeight >= scrollHeight - 20;
  setText(log.text, text || "Nothing written yet.");
  if (atEnd) log.text.scrollTop = log.text.scrollHeight;
}

// A view belongs to one run: another run gets a new one, so nothing of the last can stay behind.
function makeView(root, runId) {
  const view = { curves: newCurves(), status: null };
  const redraw = () => view.status && drawRun();
  const parts = { head: makeHead(), charts: makeCharts(redraw), facts: makeFacts(), metrics: makeMetrics(), previews: makePreviews(redraw), log: makeLog() };
  const run = html("div", {}, ...[parts.head, parts.charts, parts.facts, parts.metrics, parts.previews, parts.log].map((part) => part.node));

  function drawRun() {
    const { curves, status } = view;
    root.dataset.status = String(status.status);
    drawHead(parts.head, curves, status);
    drawRemarks(parts.head.remarks, remarksOf(curves, status));
    parts.charts.node.hidden = parts.facts.node.hidden = !curves.train.length && status.status !== "running";
    parts.log.node.hidden = false;
    drawCharts(parts.charts, curves);
    drawFacts(parts.facts, curves);
    drawMetrics(parts.metrics, curves, status);
    drawPreviews(parts.previews, curves.previews);
    drawLog(parts.log, status.log_tail);
  }

  function drawNothing(chip, title, remarks) {
    root.dataset.status = "none";
    setText(parts.head.chip, chip);
    setText(parts.head.title, title);
    setText(parts.head.progress, "");
    setText(parts.head.elapsed, "");
    parts.head.fill.style.width = "0";
    drawRemarks(parts.head.remarks, remarks);
    for (const part of [parts.charts, parts.facts, parts.metrics, parts.previews, parts.log]) part.node.hidden = true;
  }

  drawNothing("Loading", "", []);
  setText(parts.head.about, runId);
  root.replaceChildren(runId ? run : emptyState());
  return Object.assign(view, {
    redraw,
    take({ events, status }) {
      for (const event of events ?? []) if (Object.hasOwn(TAKE, event.event)) TAKE[event.event](view.curves, event);
      view.status = status;
      drawRun();
    },
    refuse(message) {
      view.status = null;
      drawNothing("Unavailable", "", [["This run cannot be shown.", String(message), "red"]]);
    },
    connected(yes) {
      setText(parts.head.reconnecting, yes ? "" : "No answer from the server, reconnecting…");
      if (yes && view.status?.status === "running" && !matchMedia("(prefers-reduced-motion: reduce)").matches)
        parts.head.dot.animate([{ opacity: 0.25 }, { opacity: 1 }], { duration: 700, easing: "ease-out" });
    },
  });
}

// ---- polling ------------------------------------------------------------------------------------------------------

const root = element.querySelector(".run-monitor");
const lifetime = new AbortController();
let view = null;
const run = { id: "", offset: 0, failures: 0, ended: false, turn: 0, asking: 0, timer: 0 };

// Gradio's server functions never reject: a lost server or an exception there gives undefined.
function ask(query) {
  return Promise.race([server.poll(query).catch(() => undefined), new Promise((resolve) => setTimeout(resolve, ANSWER_MS))]);
}

async function poll() {
  clearTimeout(run.timer);
  if (!element.isConnected) return lifetime.abort();
  if (!run.id || run.asking === run.turn || document.hidden || !element.checkVisibility()) return;
  const turn = (run.asking = run.turn);
  const answer = await ask([run.id, run.offset]);
  if (turn !== run.turn) return;
  run.asking = 0;
  const delay = use(answer);
  if (delay) run.timer = setTimeout(poll, delay);
}

// Take an answer in; give the milliseconds until the next question, 0 for never.
function use(answer) {
  run.failures = answer ? 0 : run.failures + 1;
  if (run.failures !== 1) view.connected(!run.failures); // one lost answer is no news
  if (!answer) return Math.min(POLL_MS * 2 ** (run.failures - 1), LONGEST_RETRY_MS);
  if (answer.error) {
    view.refuse(answer.error);
    return ERROR_MS;
  }
  run.offset = answer.offset ?? run.offset;
  view.take(answer);
  const { status, can_resume } = answer.status;
  tellNews(answer);
  if (status === "queued" || status === "running" || answer.events?.length) return POLL_MS;
  return can_resume ? ENDED_MS : 0;
}

// Python hears of it ("submit") when there may be a new report: after a better evaluation, and once at the run's end.
function tellNews({ events, status: { status } }) {
  const ended = status !== "queued" && status !== "running";
  if ((ended && !run.ended) || events?.some((event) => event.event === "eval" && event.best)) trigger("submit");
  run.ended = ended;
}

function follow() {
  Object.assign(run, { id: String(props.value ?? ""), offset: 0, failures: 0, ended: false, turn: run.turn + 1 });
  view = makeView(root, run.id);
  poll();
}

follow();
// Drawing changes the height, so only a new width counts; a width after none means that the tab was opened again.
let width = 0;
const sizes = new ResizeObserver(() => {
  const before = width;
  width = element.clientWidth;
  if (width !== before) view.redraw();
  if (width && !before) poll();
});
sizes.observe(element);
lifetime.signal.addEventListener("abort", () => sizes.disconnect());
document.addEventListener("visibilitychange", poll, { signal: lifetime.signal });
watch("value", follow);
