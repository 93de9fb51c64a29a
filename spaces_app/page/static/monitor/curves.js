// Curves of a run: its events folded into lists of steps, evaluations and previews, and these into series to plot.

const MAX_POINTS = 600; // of one curve
const MAX_PREVIEWS = 40; // kept for the scrubber: they may hold images
const SMOOTHING = 0.9; // weight of the past in the smoothed training loss

function newCurves() {
  return { train: [], evals: [], previews: [], notices: [], started: null, checkpoint: null, decided: {} };
}

// A resumed run repeats the steps after its checkpoint: what lies after `step` is dropped.
function forgetAfter(curves, step) {
  for (const list of [curves.train, curves.evals, curves.previews]) while (list.length && list.at(-1).step > step) list.pop();
}

function append(list, entry) {
  while (list.length && list.at(-1).step >= entry.step) list.pop();
  list.push(entry);
}

function keepEverySecond(list) {
  return list.filter((_, index) => index % 2 === 0 || index === list.length - 1);
}

const FOLD = {
  queued: (curves) => Object.assign(curves, { notices: [], started: null }),
  starting: (curves) => Object.assign(curves, { started: null }),
  started: (curves, event) => {
    curves.started = event;
    forgetAfter(curves, event.step ?? 0);
  },
  step: (curves, event) => {
    forgetAfter(curves, event.step);
    append(curves.train, event);
  },
  eval: (curves, event) => {
    forgetAfter(curves, event.step);
    append(curves.evals, event);
  },
  sample: (curves, event) => {
    append(curves.previews, event);
    if (curves.previews.length > MAX_PREVIEWS) curves.previews = keepEverySecond(curves.previews);
  },
  auto: (curves, event) => Object.assign(curves, { decided: event.choices ?? {} }),
  checkpoint: (curves, event) => Object.assign(curves, { checkpoint: event }),
  notice: (curves, event) => {
    curves.notices = [...curves.notices.filter((notice) => notice.message !== event.message), event].slice(-5);
  },
};

function pointsOf(list, pick) {
  return list.map((entry) => ({ step: entry.step, value: pick(entry), best: entry.best })).filter((point) => Number.isFinite(point.step) && Number.isFinite(point.value));
}

// At most MAX_POINTS points: the mean of each group of neighbours, at the group's last step; the end stays exact.
function thin(points) {
  const group = Math.ceil(points.length / MAX_POINTS);
  if (group <= 1) return points;
  const thinned = [];
  for (let end = points.length; end > 0; end -= group) {
    const neighbours = points.slice(Math.max(0, end - group), end);
    const mean = neighbours.reduce((sum, point) => sum + point.value, 0) / neighbours.length;
    thinned.push({ step: neighbours.at(-1).step, value: mean, best: neighbours.some((point) => point.best) });
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
  return withBest([
    { name: "training loss, raw", kind: "raw", points: raw, quiet: true },
    { name: "training loss", kind: "train", points: smooth(raw) },
    { name: "evaluation loss", kind: "eval", points: thin(pointsOf(curves.evals, evalLoss)) },
  ]);
}

// The series with points, and a ring around the best evaluation.
function withBest(series) {
  const best = series.find(({ kind }) => kind === "eval")?.points.findLast((point) => point.best);
  return [...series, { name: "best", kind: "best", points: best ? [best] : [], quiet: true }].filter(({ points }) => points.length);
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
