// Polling: ask the server for new events while the run is going on and somebody looks.

const POLL_MS = 1000; // while the run is queued or running
const ENDED_MS = 4000; // after it has ended, as long as it can be resumed
const ERROR_MS = 5000; // after an answer that says why there is nothing to show
const MAX_RETRY_MS = 8000; // while the server does not answer
const ANSWER_MS = 20000; // an answer that takes longer counts as none

const root = element.querySelector(".run-monitor");
const lifetime = new AbortController();
let view = null;
const run = { id: "", offset: 0, failures: 0, status: "", turn: 0, asking: 0, timer: 0 };

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
  const delay = handle(answer);
  if (delay) run.timer = setTimeout(poll, delay);
}

// Handle an answer; returns the milliseconds until the next question, 0 for never.
function handle(answer) {
  run.failures = answer ? 0 : run.failures + 1;
  if (run.failures !== 1) view.setConnected(!run.failures); // a single lost answer is not reported
  if (!answer) return Math.min(POLL_MS * 2 ** (run.failures - 1), MAX_RETRY_MS);
  if (answer.error) {
    view.refuse(answer.error);
    return ERROR_MS;
  }
  run.offset = answer.offset ?? run.offset;
  view.update(answer);
  const { status, can_resume } = answer.status;
  announceChanges(answer);
  if (status === "queued" || status === "running" || answer.events?.length) return POLL_MS;
  return can_resume ? ENDED_MS : 0;
}

// Python is notified ("submit") when there may be a new report, or other buttons: after a better evaluation, and of each status.
function announceChanges({ events, status: { status } }) {
  if (status !== run.status || events?.some((event) => event.event === "eval" && event.best)) trigger("submit");
  run.status = status;
}

function follow() {
  Object.assign(run, { id: String(props.value ?? ""), offset: 0, failures: 0, status: "", turn: run.turn + 1 });
  view = makeView(root, run.id);
  poll();
}

follow();
// Rendering changes the height, so only a new width counts; a width after 0 means that the tab was opened again.
let width = 0;
const sizes = new ResizeObserver(() => {
  const before = width;
  width = element.clientWidth;
  if (width !== before) view.render();
  if (width && !before) poll();
});
sizes.observe(element);
lifetime.signal.addEventListener("abort", () => sizes.disconnect());
document.addEventListener("visibilitychange", poll, { signal: lifetime.signal });
watch("value", follow);
