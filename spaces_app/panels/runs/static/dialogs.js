// Dialogs: what is written on a run, and the form of a sweep.

function makeDialog(title, ...children) {
  const node = html("dialog", { class: "card dialog", "aria-label": title }, html("h2", {}, title), ...children);
  node.addEventListener("close", () => node.remove());
  root.append(node);
  node.showModal();
  return node;
}

function openEditor(row) {
  const name = html("input", { type: "text", maxlength: 80, value: row.name });
  const tags = html("input", { type: "text", maxlength: 300, value: row.tags.join(", ") });
  const notes = html("textarea", { rows: 5, maxlength: 2000 });
  notes.value = row.notes;
  const message = alertLine();
  // Only what was changed is sent, so that another tab's change of the rest stays.
  const save = async () => {
    const values = { run: row.id };
    if (name.value !== row.name) values.name = name.value;
    if (tags.value !== row.tags.join(", ")) values.tags = tags.value.split(",");
    if (notes.value !== row.notes) values.notes = notes.value;
    if (!(await askOr(message, "edit", values))) return;
    dialog.close();
    await refresh();
  };
  const buttons = html("div", { class: "buttons" }, busyButton("Save", save, { class: "primary" }), button("Cancel", () => dialog.close()));
  const dialog = makeDialog(`Edit ${titleOf(row)}`, html("p", { class: "mono soft" }, row.id), field("Name", name), field("Tags, separated by commas", tags), field("Notes", notes), message, buttons);
}

async function openSweepForm(row) {
  const about = await askOr(view.message, "fields", { run: row.id });
  if (!about) return;
  const list = html("div", { class: "axes" });
  const how = choice([["Grid: every combination", "grid"], ["Random: some of them", "random"]], "grid");
  const count = html("input", { type: "number", min: 2, max: about.most, value: Math.min(8, about.most) });
  const name = html("input", { type: "text", maxlength: 30, placeholder: "optional" });
  const key = html("input", { type: "password", autocomplete: "off" });
  const message = alertLine();
  const countField = field("Runs to draw", count);
  const axes = [];
  const first = ["learning_rate", "steps"].find((name) => name in about.fields) ?? Object.keys(about.fields)[0];
  const add = (chosen) => {
    const axis = makeAxis(about.fields, chosen, () => {
      axes.splice(axes.indexOf(axis), 1);
      axis.node.remove();
    });
    axes.push(axis);
    list.append(axis.node);
  };
  how.addEventListener("change", () => (countField.hidden = how.value === "grid"));
  countField.hidden = true;
  add(first);
  const start = async () => {
    const fields = {};
    for (const axis of axes) {
      if (axis.name() in fields) return setText(message, `${axis.name()} is there twice: remove one.`);
      const values = axis.read();
      if (typeof values === "string") return setText(message, values);
      fields[axis.name()] = values;
    }
    const sweep = await askOr(message, "sweep", { base: row.id, fields, how: how.value, count: Number(count.value), name: name.value, key: key.value });
    if (!sweep) return;
    dialog.close();
    state.chosen.clear();
    showSweep(sweep);
    await refresh();
  };
  const more = button("Vary another setting", () => add(Object.keys(about.fields).find((name) => !axes.some((axis) => axis.name() === name))));
  const intro = html("p", { class: "soft" }, `All runs have the data and the settings of ${titleOf(row)}, except for what you vary. At most ${about.most} runs.`);
  const secret = about.secret ? [field(about.secret, key)] : [];
  const dialog = makeDialog("Sweep", intro, list, more, html("div", { class: "filters" }, field("Which combinations", how), countField, field("Name of the sweep", name), ...secret), message, html("div", { class: "buttons" }, busyButton("Start the sweep", start, { class: "primary" }), button("Cancel", () => dialog.close())));
}

// One setting to vary: a list of values, bounds for a number, or boxes for a choice.
function makeAxis(fields, chosen, remove) {
  const pick = choice(Object.keys(fields).map((name) => [name, name]), chosen);
  const [values, hint] = [html("div", { class: "values" }), html("p", { class: "soft small" })];
  let read = () => [];
  const show = () => {
    const about = fields[pick.value];
    setText(hint, `${about.description} In the base run: ${valueText(about.value)}.`);
    if (about.choices) {
      const boxes = about.choices.map((entry) => [entry, html("input", { type: "checkbox", checked: "" })]);
      values.replaceChildren(html("div", { class: "boxes" }, ...boxes.map(([entry, box]) => html("label", { class: "control" }, box, valueText(entry)))));
      read = () => boxes.filter(([, box]) => box.checked).map(([entry]) => entry);
      return;
    }
    const text = html("input", { type: "text", placeholder: exampleOf(about), spellcheck: "false" });
    const number = about.type !== "text";
    values.replaceChildren(field(number ? "Values, separated by commas; or low to high" : "Values, separated by commas", text));
    read = () => readValues(pick.value, text.value, number);
  };
  pick.addEventListener("change", show);
  show();
  const node = html("fieldset", { class: "axis" }, html("div", { class: "axis-row" }, field("Setting", pick), values, button("Remove", remove, { class: "text" })), hint);
  return { node, name: () => pick.value, read: () => read() };
}

function exampleOf({ type, value }) {
  const base = Number(value);
  if (type === "text") return "first, second";
  if (!Number.isFinite(base) || base <= 0) return type === "integer" ? "1, 2, 3" : "0.1, 0.2, 0.3";
  const numbers = [base / 2, base, base * 2].map((number) => (type === "integer" ? Math.max(1, Math.round(number)) : Number(number.toPrecision(3))));
  return `${[...new Set(numbers)].join(", ")}  or  ${numbers[0]} to ${numbers[2]}`;
}

// "1e-5 to 1e-3", "1e-5 to 1e-3 in 5" or "1, 2, 3"; a sentence where it is none of them.
function readValues(name, text, number) {
  const bounds = number && text.match(/^\s*(\S+)\s+to\s+(\S+)(?:\s+in\s+(\d+))?\s*$/);
  if (bounds) {
    const [low, high] = [Number(bounds[1]), Number(bounds[2])];
    if (!Number.isFinite(low) || !Number.isFinite(high)) return `${name}: ${text} has no two numbers, such as 0.001 to 0.1.`;
    return { low, high, points: Number(bounds[3] ?? 5) };
  }
  const values = text.split(",").map((value) => value.trim()).filter(Boolean);
  return values.length ? values : `${name}: give values, separated by commas${number ? ", or bounds such as 0.001 to 0.1" : ""}.`;
}
