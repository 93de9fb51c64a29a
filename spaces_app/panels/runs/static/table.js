// The table of runs: filters, order, pages, what is chosen, and what can be done with it.

const COLUMNS = [
  ["Run", "name"],
  ["Kind", "kind"],
  ["Data", "data"],
  ["Best metric", "metric"],
  ["Time", "seconds"],
  ["Size", "size"],
  ["Status", "status"],
  ["Created", "created"],
];

const view = {
  search: html("input", { type: "search", placeholder: "Name, tag, note, data …", autocomplete: "off" }),
  kind: html("select"),
  status: html("select"),
  tag: html("select"),
  order: html("select"),
  message: alertLine(),
  bar: html("div", { class: "bar", role: "group", "aria-label": "Chosen runs" }),
  body: html("div"),
  pager: html("div", { class: "pager" }),
  count: html("p", { class: "soft small", role: "status" }),
};

function makeTable() {
  const filters = html("div", { class: "filters" }, field("Search", view.search), field("Kind", view.kind), field("Status", view.status), field("Tag", view.tag), field("Order", view.order));
  const tools = html("div", { class: "tools" }, busyButton("Export CSV", exportCsv), busyButton("trackio dashboard", openDashboard));
  let typing = 0;
  view.search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => filter({ text: view.search.value }), 250);
  });
  view.kind.addEventListener("change", () => {
    const [plugin, trainer] = view.kind.value.split(" ");
    filter({ plugin: plugin ?? "", trainer: trainer ?? "" });
  });
  view.status.addEventListener("change", () => filter({ status: view.status.value }));
  view.tag.addEventListener("change", () => filter({ tag: view.tag.value }));
  view.order.addEventListener("change", () => orderBy(...view.order.value.split(" ")));
  view.order.replaceChildren(...COLUMNS.flatMap(([text, name]) => [html("option", { value: `${name} down` }, `${text}, ${orderWord(name, true)}`), html("option", { value: `${name} up` }, `${text}, ${orderWord(name, false)}`)]));
  view.node = html("section", { class: "card", "aria-label": "Runs" }, filters, tools, view.message, view.bar, view.count, view.body, view.pager);
  return view.node;
}

function orderWord(name, down) {
  if (name === "created") return down ? "newest first" : "oldest first";
  if (name === "metric") return down ? "best first" : "worst first";
  if (name === "seconds" || name === "size") return down ? "greatest first" : "smallest first";
  return down ? "Z to A" : "A to Z";
}

const FIRST_DOWN = ["created", "metric", "seconds", "size"];

function filter(changes) {
  Object.assign(state.query, changes, { page: 1 });
  refresh();
}

function orderBy(name, direction) {
  const { sort, descending } = state.query;
  const down = direction ? direction === "down" : sort === name ? !descending : FIRST_DOWN.includes(name);
  filter({ sort: name, descending: down });
}

let timer = 0;

async function refresh() {
  clearTimeout(timer);
  const turn = ++state.turn;
  const answer = await askOr(view.message, "table", state.query);
  if (turn !== state.turn || !element.isConnected) return;
  rememberAddress();
  if (answer) {
    state.table = answer;
    await chooseAsked();
    for (const row of answer.rows) if (state.chosen.has(row.id)) state.chosen.set(row.id, row);
    renderTable();
    if (answer.rows.some(({ status }) => ACTIVE.includes(status))) timer = setTimeout(refreshWhenSeen, ACTIVE_MS);
  } else timer = setTimeout(refreshWhenSeen, 3 * ACTIVE_MS);
}

// The run that the address chooses, on whichever page of the table it stands.
async function chooseAsked() {
  const id = state.asked;
  state.asked = "";
  const { result } = id ? await ask("table", { ...QUERY, text: id }) : {};
  for (const row of result?.rows ?? []) if (row.id === id) state.chosen.set(id, row);
}

function refreshWhenSeen() {
  if (!element.isConnected) return lifetime.abort();
  if (document.hidden || !element.checkVisibility()) return;
  refresh();
}

function renderTable() {
  const { rows, all, selected, tags, families, kinds, statuses } = state.table;
  const { query } = state;
  root.classList.toggle("without-runs", !all);
  if (!all) return view.body.replaceChildren(emptyRuns());
  options(view.kind, [["All kinds", ""], ...families.map(([title, plugin]) => [`${title}: all`, `${plugin} `]), ...kinds.map(([title, plugin, trainer]) => [title, `${plugin} ${trainer}`])], query.plugin ? `${query.plugin} ${query.trainer}` : "");
  options(view.status, [["Any status", ""], ...statuses.map((status) => [label(status), status])], query.status);
  options(view.tag, [["Any tag", ""], ...tags.map((tag) => [tag, tag])], query.tag);
  view.order.value = `${query.sort} ${query.descending ? "down" : "up"}`;
  const focused = document.activeElement?.dataset?.key;
  view.body.replaceChildren(rows.length ? tableOfRuns(rows) : html("p", { class: "none" }, "No run matches. ", button("Show all", clearFilters, { class: "text" })));
  if (focused) view.body.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  renderPager(selected, all, rows.length);
  renderBar();
}

// A choice keeps a value that is no longer offered, so that the page says what it filters by.
function options(node, entries, value) {
  const known = entries.some(([, entry]) => entry === value) ? entries : [...entries, [value, value]];
  const key = JSON.stringify(known);
  if (node.dataset.entries !== key) node.replaceChildren(...known.map(([text, entry]) => html("option", { value: entry }, text)));
  node.dataset.entries = key;
  node.value = value;
}

function clearFilters() {
  view.search.value = "";
  filter({ text: "", tag: "", plugin: "", trainer: "", status: "" });
}

function emptyRuns() {
  const text = html("p", { class: "soft" }, "A run is one training of one model. All of yours are listed here, with their curves and their best score.");
  return html("div", { class: "empty" }, html("h2", {}, "No runs yet"), text, html("p", {}, html("a", { class: "primary", href: "./" }, "Train on sample data")));
}

function tableOfRuns(rows) {
  const every = html("input", { type: "checkbox", "aria-label": "Choose all runs of this page", "data-key": "every" });
  every.checked = rows.every(({ id }) => state.chosen.has(id));
  every.indeterminate = !every.checked && rows.some(({ id }) => state.chosen.has(id));
  every.addEventListener("change", () => choose(rows, every.checked));
  const heads = COLUMNS.map(([text, name]) => headOf(text, name));
  const head = html("tr", { role: "row" }, html("td", { role: "cell", class: "pick" }, every), ...heads, html("td", { role: "cell" }));
  return html("table", { class: "runs", role: "table", "aria-label": "Your runs" }, html("thead", { role: "rowgroup" }, head), html("tbody", { role: "rowgroup" }, ...rows.map(rowOf)));
}

function headOf(text, name) {
  const { sort, descending } = state.query;
  const order = sort === name ? (descending ? "descending" : "ascending") : "none";
  const mark = html("span", { "aria-hidden": "true" }, order === "none" ? "" : descending ? " ▾" : " ▴");
  const node = button(text, () => orderBy(name), { class: "text", "data-key": `sort-${name}` });
  node.append(mark);
  return html("th", { role: "columnheader", scope: "col", "aria-sort": order }, node);
}

function rowOf(row) {
  const pick = html("input", { type: "checkbox", "aria-label": `Choose ${titleOf(row)}`, "data-key": `pick-${row.id}` });
  pick.checked = state.chosen.has(row.id);
  pick.addEventListener("change", () => choose([row], pick.checked));
  const tags = row.tags.map((tag) => button(tag, () => filter({ tag }), { class: "tag", title: `Show runs with the tag ${tag}` }));
  const name = row.status === "broken" ? html("span", {}, titleOf(row)) : link(row.id, titleOf(row));
  const about = html("div", { class: "tags" }, ...tags, ...(row.notes ? [html("span", { class: "note soft small", title: row.notes }, row.notes)] : []));
  const cells = [
    [html("div", {}, name, ...(row.tags.length || row.notes ? [about] : []))],
    [row.title],
    [row.data || "–"],
    [metricText(row.metric)],
    [row.seconds ? formatSeconds(row.seconds) : "–"],
    [formatBytes(row.size_bytes)],
    [chip(row.status), progressOf(row)],
    [dateText(row.created)],
  ];
  const edit = button("Edit", () => openEditor(row), { class: "text", "aria-label": `Edit name, tags and notes of ${titleOf(row)}`, "data-key": `edit-${row.id}` });
  return html(
    "tr",
    { role: "row", class: pick.checked ? "picked" : "" },
    html("td", { role: "cell", class: "pick" }, pick),
    ...cells.map((children, place) => html("td", { role: "cell", class: `c-${COLUMNS[place][1]}`, "data-label": COLUMNS[place][0] }, ...children)),
    html("td", { role: "cell", class: "act" }, row.status === "broken" ? "" : edit),
  );
}

function metricText(metric) {
  if (!metric) return "–";
  return html("span", { title: metric.lower_is_better ? "lower is better" : "higher is better" }, `${metric.name} ${formatNumber(metric.value, 3)}`);
}

function progressOf({ status, step, steps, queue_position, message }) {
  if (status === "queued") return html("div", { class: "soft small" }, queue_position ? `number ${queue_position} in the queue` : "waiting");
  if (status === "running") return html("div", { class: "soft small" }, steps ? `step ${step} of ${steps}` : "starting");
  if (!message || status === "finished") return "";
  return html("div", { class: "why soft small", title: message }, message);
}

function renderPager(selected, all, shown) {
  const { page, page_size } = state.query;
  const last = Math.max(1, Math.ceil(selected / page_size));
  state.query.page = Math.min(page, last);
  const start = (state.query.page - 1) * page_size;
  setText(view.count, selected === all ? `${all.toLocaleString("en")} ${all === 1 ? "run" : "runs"}` : `${selected.toLocaleString("en")} of ${all.toLocaleString("en")} runs`);
  const move = (by) => () => {
    state.query.page += by;
    refresh();
  };
  const [back, on] = [button("Previous", move(-1)), button("Next", move(1))];
  back.disabled = state.query.page <= 1;
  on.disabled = state.query.page >= last;
  view.pager.hidden = last === 1;
  view.pager.replaceChildren(back, html("span", { class: "soft small" }, `${start + 1} to ${start + shown} of ${selected.toLocaleString("en")}`), on);
}

function choose(rows, yes) {
  for (const row of rows) yes ? state.chosen.set(row.id, row) : state.chosen.delete(row.id);
  renderTable();
}

// What can be done with the chosen runs: a button that cannot apply to any of them is not there.
function renderBar() {
  const rows = [...state.chosen.values()];
  const having = (...statuses) => rows.filter(({ status }) => statuses.includes(status));
  const [active, stopped, waiting] = [having(...ACTIVE), having("cancelled", "failed", "lost").filter((row) => row.can_resume), having("queued")];
  const usable = rows.filter(({ status }) => status !== "broken");
  const idle = rows.filter(({ status }) => !ACTIVE.includes(status));
  const buttons = [
    usable.length > 1 && usable.length <= MOST_COMPARED && button("Compare", () => compare(usable.map(({ id }) => id)), { class: "primary" }),
    usable.length === 1 && state.table.all > 1 && html("span", { class: "soft small" }, "Choose another run too to compare them."),
    usable.length > MOST_COMPARED && html("span", { class: "soft small" }, `Choose up to ${MOST_COMPARED} to compare.`),
    usable.length === 1 && rows.length === 1 && button("Sweep from this run", () => openSweepForm(usable[0]), { class: "primary" }),
    waiting.length === 1 && busyButton("To the front of the queue", () => each("front", waiting)),
    active.length > 0 && busyButton(`Stop ${counted(active)}`, () => each("stop", active)),
    stopped.length > 0 && busyButton(`Resume ${counted(stopped)}`, () => each("resume", stopped)),
    idle.length > 0 && busyButton(`Delete ${counted(idle)}`, () => deleteRuns(idle), { class: "stop" }),
    button("Choose none", () => choose(rows, false), { class: "text" }),
  ];
  view.bar.hidden = !rows.length;
  view.bar.replaceChildren(html("strong", {}, `${rows.length} chosen`), ...buttons.filter(Boolean));
}

const counted = (rows) => (rows.length === 1 ? "1 run" : `${rows.length} runs`);

async function each(name, rows) {
  const problems = [];
  for (const { id } of rows) {
    const { error } = await ask(name, { run: id });
    if (error) problems.push(error);
  }
  await refresh();
  if (problems.length) setText(view.message, [...new Set(problems)].join(" "));
}

async function deleteRuns(rows) {
  if (!confirm(`Delete ${counted(rows)} with data and weights? This cannot be undone.`)) return;
  const answer = await askOr(view.message, "delete", { runs: rows.map(({ id }) => id) });
  if (!answer) return;
  for (const id of answer.deleted) state.chosen.delete(id);
  const kept = Object.values(answer.kept);
  await refresh();
  if (kept.length) setText(view.message, kept.join(" "));
}

async function exportCsv() {
  const text = await askOr(view.message, "csv", { ...state.query, page: 1, page_size: 0 });
  if (text === undefined) return;
  const address = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
  html("a", { href: address, download: "runs.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

async function openDashboard() {
  const address = await askOr(view.message, "dashboard");
  if (address && !window.open(address, "_blank", "noopener")) setText(view.message, `The dashboard is at ${address}`);
}
