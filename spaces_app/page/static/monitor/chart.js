// A chart: uPlot with a legend and a tip of ours, a summary for screen readers, and arrow keys that read it step by step.

const MAX_DOTS = 40; // evaluations, each with a dot; more are a line
const INTEGER_TICKS = Array.from({ length: 9 }, (_, power) => [1, 2, 5].map((factor) => factor * 10 ** power)).flat();
const KINDS = {
  raw: { colour: "--train", width: 1, alpha: 0.45 },
  train: { colour: "--train", width: 2 },
  eval: { colour: "--eval", width: 2 },
  best: { colour: "--eval", width: 0, ring: true },
};

const colourOf = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const nearest = (points, step) => points.reduce((closest, point) => (Math.abs(point.step - step) < Math.abs(closest.step - step) ? point : closest));

function makeChart() {
  const node = html("div", { class: "plot", role: "img", tabindex: "0" });
  const tip = html("div", { class: "tip", "aria-live": "polite", hidden: "" });
  const chart = { node, tip, legend: html("div", { class: "legend" }), frame: html("div", { class: "frame" }, node, tip), series: [], step: null, shape: "" };
  node.addEventListener("blur", () => pointAt(chart, null));
  node.addEventListener("keydown", (event) => moveByKey(chart, event));
  node.addEventListener("pointermove", ({ pointerType, clientX }) => {
    if (chart.plot && pointerType !== "mouse") chart.plot.setCursor({ left: clientX - chart.plot.over.getBoundingClientRect().left, top: 0 });
  });
  return chart;
}

function plotChart(chart, series, log) {
  const width = chart.frame.clientWidth;
  chart.series = series.map((curve) => ({ ...curve, points: log ? curve.points.filter((point) => point.value > 0) : curve.points }));
  chart.series = chart.series.filter((curve) => curve.points.length);
  for (const kind of Object.keys(KINDS)) chart.node.dataset[kind] = chart.series.find((curve) => curve.kind === kind)?.points.length ?? 0;
  if (!width || !chart.series.length || !window.uPlot) return;
  const size = { width, height: width < 460 ? 210 : 250 };
  const step = chart.step; // a new plot has no cursor yet
  const shape = JSON.stringify([log, chart.series.map(({ name, kind }) => [name, kind])]);
  if (shape !== chart.shape) replacePlot(chart, size, log);
  chart.shape = shape;
  if (chart.plot.width !== size.width) chart.plot.setSize(size);
  chart.plot.setData(uPlot.join(chart.series.map(({ points }) => [points.map((point) => point.step), points.map((point) => point.value)])));
  const described = chart.series.filter((curve) => !curve.quiet);
  chart.node.setAttribute("aria-label", described.map(describe).join("; "));
  chart.legend.replaceChildren(...chart.series.filter(({ kind }) => kind !== "raw").map(({ name, kind }) => html("span", {}, html("i", { class: kind }), name)));
  pointAt(chart, step);
}

function replacePlot(chart, size, log) {
  chart.plot?.destroy();
  const soft = () => colourOf("--soft");
  const axis = { stroke: soft, font: `12px ${getComputedStyle(chart.node).fontFamily}`, ticks: { show: false } };
  const options = {
    ...size,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
    scales: { x: { time: false, range: (plot, from, to) => (from === to ? [from - 1, to + 1] : [from <= to / 10 ? 0 : from, to]) }, y: { distr: log ? 3 : 1 } },
    axes: [
      { ...axis, label: "step", labelFont: axis.font, labelSize: 16, size: 24, space: 70, grid: { show: false }, incrs: INTEGER_TICKS, values: (plot, ticks) => ticks.map((tick) => tick.toLocaleString("en")) },
      { ...axis, size: 54, grid: { stroke: () => colourOf("--line"), width: 1 }, values: (plot, ticks) => ticks.map((tick) => (tick === null ? "" : formatNumber(tick))) },
    ],
    series: [{}, ...chart.series.map((curve, index) => lineOf(curve, index, chart))],
    hooks: { setCursor: [(plot) => showTip(chart, plot)] },
  };
  chart.plot = new uPlot(options, null, chart.node);
}

function lineOf({ kind }, index, chart) {
  const { colour, width, alpha = 1, ring } = KINDS[kind];
  const stroke = () => colourOf(colour);
  const points = ring ? { size: 11, width: 2.5, stroke, fill: () => colourOf("--block-background-fill") } : { size: 7, width: 0, fill: stroke };
  return { stroke, width, alpha, spanGaps: true, points: { ...points, show: () => hasDots(chart.series[index]) } };
}

const hasDots = ({ kind, points: { length } }) => kind === "best" || length === 1 || (kind === "eval" && length <= MAX_DOTS);

// The values at the cursor; without a cursor they are hidden.
function showTip(chart, plot) {
  const { idx, left } = plot.cursor;
  chart.step = idx === null || idx === undefined ? null : plot.data[0][idx];
  chart.tip.hidden = chart.step === null;
  if (chart.tip.hidden) return;
  const step = chart.step;
  const rows = chart.series.filter(({ kind }) => kind !== "best").map(({ name, points }) => {
    const point = nearest(points, step);
    return html("div", {}, `${name} ${formatNumber(point.value)}${point.step === step ? "" : ` (step ${point.step})`}`);
  });
  chart.tip.replaceChildren(html("strong", {}, `step ${step.toLocaleString("en")}`), ...rows);
  const at = plot.over.offsetLeft + left;
  setAttributes(chart.tip, { style: at > plot.width / 2 ? `right: ${plot.width - at + 10}px` : `left: ${at + 10}px` });
}

// Put the cursor at a step; null takes it away.
function pointAt(chart, step) {
  if (!chart.plot?.data?.[0]?.length) return;
  chart.plot.setCursor(step === null ? { left: -10, top: -10 } : { left: chart.plot.valToPos(step, "x"), top: 0 });
}

function moveByKey(chart, event) {
  const move = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
  if (!move || !chart.plot || !chart.series.length) return;
  event.preventDefault();
  const [steps] = chart.plot.data;
  const here = chart.step === null ? steps.length - 1 : steps.indexOf(nearest(steps.map((step) => ({ step })), chart.step).step);
  pointAt(chart, steps[Math.min(steps.length - 1, Math.max(0, here + move))]);
}
