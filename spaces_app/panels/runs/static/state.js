// The page of runs. Gradio runs the files of this folder, joined behind the monitor's `format`, `curves` and `chart`, as one
// function of (element, trigger, props, server, upload, watch). What a visitor or a run wrote reaches the page as text nodes and
// attributes, never as markup.
// This file: what is shown, questions to the server, and small elements.

const PAGE_SIZE = 25;
const ACTIVE_MS = 3000; // while a shown run waits or trains
const ANSWER_MS = 60000; // an answer that takes longer counts as none
const MOST_COMPARED = 8;
const ACTIVE = ["queued", "running"];

const QUERY = { text: "", tag: "", plugin: "", trainer: "", status: "", sort: "created", descending: true, page: 1, page_size: PAGE_SIZE };

const root = element.querySelector(".runs-page");
const lifetime = new AbortController();
const state = {
  query: { ...QUERY },
  table: null, // the last answer
  chosen: new Map(), // id -> its row, over all pages
  asked: "", // the run that the address chooses, until it is found
  compared: [],
  sweep: "",
  turn: 0,
};

for (let place = 0; place < MOST_COMPARED; place++) KINDS[`run${place}`] = { colour: `--run-${place}`, width: 2 };
LABELS.deleted = "Deleted";

// Gradio's server functions never reject: a lost server or an exception there gives undefined.
async function ask(name, values = {}) {
  const late = new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
  const answer = await Promise.race([server.call([name, values]).catch(() => undefined), late]);
  return answer ?? { error: "The server does not answer. Check that it runs, then try again." };
}

// Ask, and say what went wrong in `message`; undefined then.
async function askOr(message, name, values) {
  setText(message, "");
  const answer = await ask(name, values);
  if (!answer.error) return answer.result;
  setText(message, answer.error);
  return undefined;
}

const alertLine = () => html("p", { class: "problem", role: "alert" });
const label = (status) => (Object.hasOwn(LABELS, status) ? LABELS[status] : status);
const titleOf = ({ id, name, trainer, plugin }) => name || `${capital(trainer || plugin)} ${id.slice(-4)}`;
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1).replaceAll("_", " ");
const chip = (status) => html("span", { class: "chip", "data-status": status }, html("span", { class: "dot" }), label(status));
const link = (run, ...children) => html("a", { href: `./run?run=${encodeURIComponent(run)}` }, ...children);

function button(text, act, attributes = {}) {
  const node = html("button", { type: "button", ...attributes }, text);
  node.addEventListener("click", () => act(node));
  return node;
}

// A button that is busy until its work is done, so that a second press does nothing.
function busyButton(text, act, attributes = {}) {
  return button(
    text,
    async (node) => {
      if (node.getAttribute("aria-disabled") === "true") return;
      node.setAttribute("aria-disabled", "true");
      await act(node).finally(() => node.removeAttribute("aria-disabled"));
    },
    attributes,
  );
}

function field(name, control) {
  return html("label", { class: "field" }, html("span", {}, name), control);
}

function choice(entries, value, attributes = {}) {
  const node = html("select", attributes, ...entries.map(([text, entry]) => html("option", { value: entry }, text)));
  node.value = value;
  return node;
}

// The address says what is shown, so that a reload and a link show the same.
function rememberAddress() {
  const address = new URL(location);
  const wanted = { q: state.query.text, tag: state.query.tag, status: state.query.status, plugin: state.query.plugin, trainer: state.query.trainer, compare: state.compared.join(","), sweep: state.sweep };
  for (const [name, value] of Object.entries(wanted)) value ? address.searchParams.set(name, value) : address.searchParams.delete(name);
  history.replaceState(null, "", address);
}

function readAddress() {
  const given = new URL(location).searchParams;
  for (const [name, key] of [["q", "text"], ["tag", "tag"], ["status", "status"], ["plugin", "plugin"], ["trainer", "trainer"]]) state.query[key] = given.get(name) ?? "";
  state.compared = (given.get("compare") ?? "").split(",").filter(Boolean);
  state.sweep = given.get("sweep") ?? "";
  state.asked = given.get("chosen") ?? "";
}

function dateText(seconds) {
  return seconds ? new Date(seconds * 1000).toLocaleString("en", { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false }) : "–";
}

function valueText(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return value === "" ? "empty" : String(value);
}
