// The live monitor of a run. Gradio runs the files of this folder, joined, as one function of (element, trigger, props, server,
// upload, watch) once the component is on the page. Whatever a run reports reaches the page as text nodes and attributes,
// never as markup.
// This file: elements, and numbers and statuses as text.

const LABELS = { queued: "Queued", running: "Running", finished: "Finished", cancelled: "Cancelled", failed: "Failed", lost: "Lost", broken: "Broken" };

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

// Writing the same text again would make screen readers repeat it, and would drop a selection.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

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

function progressText({ status, step, steps, rate, seconds_left, queue_position, message }, started) {
  if (status === "queued") return queue_position ? `number ${queue_position} in the queue` : "waiting for its turn";
  if (status === "running" && !started) return message || "loading the model and the data";
  const parts = [steps ? `step ${step ?? 0} of ${steps}` : `step ${step ?? 0}`];
  if (status === "running" && message) return [...parts, message].join(" · "); // work after the last step
  if (status === "running" && Number.isFinite(rate)) parts.push(`${formatNumber(rate, 3)} rows/s`);
  if (status === "running" && Number.isFinite(seconds_left)) parts.push(`${formatSeconds(seconds_left)} left`);
  return parts.join(" · ");
}

function spentText({ seconds, size_bytes }) {
  const time = Number.isFinite(seconds) ? `${formatSeconds(seconds)} elapsed` : "";
  return [time, Number.isFinite(size_bytes) ? `${formatBytes(size_bytes)} on disk` : ""].filter(Boolean).join(" · ");
}

// What the end of a run means for the visitor: [title, text, colour], or nothing.
function endRemark({ status, message, step, can_resume }) {
  const resume = can_resume ? (step ? "Resume continues from its last checkpoint." : "Resume starts it again.") : "";
  if (status === "failed") return ["The run failed.", [message || "The log below may say why.", resume].filter(Boolean).join("\n"), "red"];
  if (status === "lost") return ["The trainer stopped unexpectedly.", message || ["The machine may have restarted or run out of memory.", resume].filter(Boolean).join(" "), "amber"];
  if (status === "broken") return ["This run cannot be read.", message, "red"];
  if (status === "cancelled") return [step ? `Stopped at step ${step}.` : "Stopped before the first step.", [message, resume].filter(Boolean).join(" "), ""];
  return null;
}
