// A scatter plot: the metric of each run of a sweep against one of its settings. The table beside it has the same numbers.

const TICK_SHARE = 0.12; // of an axis, between ticks that do not touch
const BOX = { width: 360, height: 230, left: 58, right: 14, top: 12, bottom: 44 };

function scatterOf(sweep, { name, log }) {
  const points = sweep.runs.filter(({ value }) => Number.isFinite(value)).map(({ run, values, value }) => ({ run, x: values[name], y: value }));
  const x = axisOf(points.map((point) => point.x), log);
  const y = axisOf(points.map((point) => point.y), false);
  const at = ({ x: given, y: value }) => [BOX.left + x.share(given) * (BOX.width - BOX.left - BOX.right), BOX.height - BOX.bottom - y.share(value) * (BOX.height - BOX.top - BOX.bottom)];
  const best = points.find(({ run }) => run === sweep.best);
  const label = `${sweep.metric} against ${name}, ${points.length} runs; best ${formatNumber(best.y)} at ${valueText(best.x)}`;
  const node = svg("svg", { class: "scatter", viewBox: `0 0 ${BOX.width} ${BOX.height}`, role: "img", "aria-label": label });
  for (const tick of y.ticks) {
    const height = at({ x: x.ticks[0], y: tick })[1];
    node.append(svg("line", { x1: BOX.left, x2: BOX.width - BOX.right, y1: height, y2: height }), svg("text", { x: BOX.left - 8, y: height + 4, "text-anchor": "end" }, formatNumber(tick, 3)));
  }
  for (const tick of x.ticks) node.append(svg("text", { x: at({ x: tick, y: y.ticks[0] })[0], y: BOX.height - BOX.bottom + 18, "text-anchor": "middle" }, typeof tick === "number" ? formatNumber(tick, 2) : valueText(tick).slice(0, 12)));
  node.append(svg("text", { class: "name", x: (BOX.left + BOX.width - BOX.right) / 2, y: BOX.height - 6, "text-anchor": "middle" }, `${name}${log ? " (log scale)" : ""}`));
  for (const point of [...points.filter((each) => each !== best), best]) {
    const [cx, cy] = at(point);
    node.append(svg("circle", { class: point === best ? "best" : "", cx, cy, r: point === best ? 6 : 4.5 }, svg("title", {}, `${name} ${valueText(point.x)}: ${sweep.metric} ${formatNumber(point.y)}`)));
  }
  return html("figure", {}, html("figcaption", {}, `${sweep.metric} against ${name}`), node);
}

// Value -> share of the axis, 0 to 1, and the ticks: of words one place each, of numbers a scale with a margin.
function axisOf(values, log) {
  const distinct = [...new Set(values)];
  if (distinct.some((value) => typeof value !== "number")) return { share: (value) => (distinct.indexOf(value) + 0.5) / distinct.length, ticks: distinct };
  distinct.sort((one, other) => one - other);
  const scale = log ? Math.log : (value) => value;
  const [low, high] = [scale(distinct[0]), scale(distinct.at(-1))];
  const margin = (high - low || Math.abs(low) || 1) * 0.08;
  const share = (value) => (scale(value) - low + margin) / (high - low + 2 * margin);
  if (distinct.length <= 5 && distinct.every((value, place) => !place || share(value) - share(distinct[place - 1]) > TICK_SHARE)) return { share, ticks: distinct };
  const inverse = log ? Math.exp : (value) => value;
  if (low === high) return { share, ticks: [distinct[0]] };
  return { share, ticks: [0, 0.5, 1].map((part) => inverse(low + part * (high - low))) };
}
