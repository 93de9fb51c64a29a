// Rendering of Chart: SVG drawn in the browser, with a readout of the mark that is pointed at, and downloads as PNG, SVG
// and CSV. The body of a function of (element, props, watch), Gradio's names for a component once it is on the page. Text of
// a model or a visitor is added as text nodes, never as markup.

const root = element.querySelector(".chart-view");
const MANY = "13, 148, 136", LESS = "217, 119, 6"; // teal and orange: told apart by colour-blind readers, on white and black
const GROUPS = ["#0d9488", "#d97706", "#8b5cf6", "#e11d48", "#2563eb", "#65a30d"];
const FONT = "13px system-ui, sans-serif";
const pen = document.createElement("canvas").getContext("2d");
let emptyText = "";

// -- parts of a drawing --------------------------------------------------------------------------------------------------

function html(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function label(text, x, y, attributes = {}) {
  return svg("text", { x, y, fill: "currentColor", "font-size": 12, "dominant-baseline": "central", ...attributes }, text);
}

function canvas(width, height, title) {
  const drawing = svg("svg", { xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": title });
  drawing.style.font = FONT;
  return drawing;
}

function textWidth(text, size = 13) {
  pen.font = FONT.replace("13px", `${size}px`);
  return pen.measureText(text).width;
}

function shorten(text, width, size = 12) {
  if (textWidth(text, size) <= width) return text;
  let end = text.length;
  while (end > 1 && textWidth(text.slice(0, end) + "…", size) > width) end -= 1;
  return text.slice(0, end) + "…";
}

function number(value, unit = "") {
  if (unit === "percent") {
    const share = 100 * value;
    return `${share >= 10 || share === 0 ? share.toFixed(0) : share >= 0.1 ? share.toFixed(1) : share.toExponential(0)} %`;
  }
  const size = Math.abs(value);
  const text = Number.isInteger(value) ? String(value) : value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
  return (Number(text) ? text : text.replace("-", "")) + (unit ? ` ${unit}` : "");
}

function tint(share, signed = false) {
  return `rgba(${signed && share < 0 ? LESS : MANY}, ${Math.min(1, 0.85 * Math.abs(share)).toFixed(3)})`;
}

// A mark that says what it is when it is pointed at, touched, or reached by the keyboard.
function told(node, text, readout) {
  node.append(svg("title", {}, text));
  for (const event of ["mouseenter", "click", "focus"]) node.addEventListener(event, () => (readout.textContent = text));
  return node;
}

function scale(low, high, signed, x, y, width) {
  const stops = (signed ? [-1, -0.5, 0, 0.5, 1] : [0, 0.5, 1]).map((share, index, all) =>
    svg("rect", { x: x + (width * index) / all.length, y, width: width / all.length, height: 10, fill: tint(share, signed) }));
  const ends = [label(low, x, y + 20, { "font-size": 11 }), label(high, x + width, y + 20, { "font-size": 11, "text-anchor": "end" })];
  return svg("g", {}, ...stops, svg("rect", { x, y, width, height: 10, fill: "none", stroke: "currentColor", "stroke-opacity": 0.4 }), ...ends);
}

// -- kinds of panels -----------------------------------------------------------------------------------------------------
// Each draws into a width and returns { drawing, rows }: the SVG, and the data as rows of a CSV file, the header first.

function bars(panel, width, readout) {
  const items = panel.items, row = 24, most = Math.max(...items.map((item) => item.value), 1e-9);
  const names = Math.min(Math.max(...items.map((item) => textWidth(item.label, 12)), 20) + 8, width * 0.45);
  const numbers = Math.max(...items.map((item) => textWidth(number(item.value, panel.unit), 12))) + 10;
  const room = Math.max(40, width - names - numbers);
  const drawing = canvas(width, items.length * row + 4, panel.title);
  items.forEach((item, index) => {
    const y = index * row + row / 2, length = Math.max(1, (room * Math.max(0, item.value)) / most);
    const text = `${item.label}: ${number(item.value, panel.unit)}${item.note ? `, ${item.note}` : ""}`;
    const mark = svg("g", { tabindex: 0, role: "img", "aria-label": text },
      svg("rect", { x: 0, y: y - row / 2, width, height: row, fill: "transparent" }),
      label(shorten(item.label, names - 8), names - 6, y, { "text-anchor": "end" }),
      svg("rect", { x: names, y: y - 7, width: length, height: 14, rx: 2, fill: `rgb(${MANY})` }),
      label(number(item.value, panel.unit), names + length + 5, y));
    drawing.append(told(mark, text, readout));
  });
  return { drawing, rows: [["item", "value", "note"], ...items.map((item) => [item.label, item.value, item.note ?? ""])] };
}

function points(panel, given, readout) {
  const width = Math.min(given, 900), height = Math.min(420, Math.max(300, width * 0.6)), pad = 34;
  const names = [...new Set(panel.points.map((point) => point.group))];
  const legend = names.length > 1 ? 22 * names.length : 0;
  const drawing = canvas(width, height + legend, panel.title), taken = [];
  const range = (axis) => [Math.min(...panel.points.map((point) => point[axis])), Math.max(...panel.points.map((point) => point[axis]))];
  const [[left, right], [low, high]] = [range("x"), range("y")];
  const at = (point) => [pad + 8 + ((width - 2 * pad - 16) * (point.x - left)) / (right - left || 1), height - pad - 14 - ((height - 2 * pad - 20) * (point.y - low)) / (high - low || 1)];
  drawing.append(svg("rect", { x: pad, y: 4, width: width - pad - 4, height: height - pad - 4, fill: "none", stroke: "currentColor", "stroke-opacity": 0.25 }));
  drawing.append(label(panel.x_title, (width + pad) / 2, height - 12, { "text-anchor": "middle" }));
  drawing.append(label(panel.y_title, 14, (height - pad) / 2, { "text-anchor": "middle", transform: `rotate(-90 14 ${(height - pad) / 2})` }));
  panel.points.forEach((point, index) => {
    const [x, y] = at(point), group = names.indexOf(point.group), colour = GROUPS[group % GROUPS.length];
    const text = `${index + 1}. ${point.label}`;
    const mark = svg("circle", { cx: x, cy: y, r: 5, fill: colour, tabindex: 0, role: "img", "aria-label": text });
    drawing.append(told(mark, text, readout));
    for (const name of [shorten(point.label, width * 0.4, 11), String(index + 1)]) {
      const size = textWidth(name, 11), start = Math.min(Math.max(pad + 2, x - size / 2), width - size - 6);
      const box = [start, y - 17, start + size, y - 5];
      if (taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) continue;
      taken.push(box);
      drawing.append(label(name, start, y - 11, { "font-size": 11 }));
      break;
    }
  });
  if (legend) names.forEach((name, index) => {
    const y = height + 11 + 22 * index;
    drawing.append(svg("circle", { cx: pad + 6, cy: y, r: 5, fill: GROUPS[index % GROUPS.length] }), label(name, pad + 18, y));
  });
  return { drawing, rows: [["text", "group", "x", "y"], ...panel.points.map((point) => [point.label, point.group, point.x, point.y])] };
}

// Words in reading order, each on a coloured ground: by a number (signed or not), or by the group it belongs to.
function words(panel, width, readout) {
  const groups = Object.entries(panel.groups ?? {}), line = 30, marks = [];
  const values = panel.items.map((item) => item.value ?? 0);
  const most = panel.most ?? Math.max(...values.map(Math.abs), 1e-9);
  let [x, y] = [2, 2];
  for (const item of panel.items) {
    const shown = item.text.replace(/\n/g, "⏎").replace(/\t/g, "→"), pad = panel.gap === 1 ? 2 : 8, size = Math.min(textWidth(shown, 14) + pad, width - 4);
    if (x > 2 && x + size > width - 2) [x, y] = [2, y + line];
    const value = item.value ?? null, group = groups.findIndex(([name]) => name === item.group);
    const fill = group >= 0 ? GROUPS[group % GROUPS.length] : value === null ? "transparent" : tint(value / most, panel.signed);
    const text = [shown.trim() + (value === null ? "" : `: ${number(value, panel.unit)}`) + (group >= 0 ? `: ${item.group}` : ""), ...(item.tip ?? [])].join("\n");
    const mark = svg("g", { role: "img", "aria-label": text, ...(value !== null || group >= 0 ? { tabindex: 0 } : {}) },
      svg("rect", { x, y, width: size, height: 24, rx: 3, fill, "fill-opacity": group >= 0 ? 0.3 : 1, stroke: group >= 0 ? fill : "none" }),
      label(shorten(shown, size - pad + 2, 14), x + pad / 2, y + 12.5, { "font-size": 14, "xml:space": "preserve" }));
    marks.push(told(mark, text, readout));
    x += size + (panel.gap ?? 3);
    if (item.text.includes("\n")) [x, y] = [2, y + line];
  }
  y += line + 4;
  const legend = svg("g");
  if (groups.length) {
    x = 2;
    groups.forEach(([name, text], index) => {
      const size = textWidth(text, 12) + 30;
      if (x > 2 && x + size > width) [x, y] = [2, y + 20];
      legend.append(svg("rect", { x, y: y + 2, width: 14, height: 12, rx: 2, fill: GROUPS[index % GROUPS.length], "fill-opacity": 0.3, stroke: GROUPS[index % GROUPS.length] }), label(text, x + 20, y + 8.5));
      x += size;
    });
    y += 22;
  } else {
    const ends = panel.signed ? [number(-most, panel.unit), number(most, panel.unit)] : [number(0, panel.unit), number(most, panel.unit)];
    legend.append(scale(ends.map((end, side) => `${end}${panel.ends ? ` ${panel.ends[side]}` : ""}`)[0], `${ends[1]}${panel.ends ? ` ${panel.ends[1]}` : ""}`, panel.signed, 2, y, Math.min(width - 4, 420)));
    y += 32;
  }
  const drawing = canvas(width, y, panel.title);
  drawing.append(...marks, legend);
  const header = groups.length ? ["text", "group"] : ["text", "value"];
  return { drawing, rows: [header, ...panel.items.map((item) => [item.text, groups.length ? item.group ?? "" : item.value ?? ""])] };
}

// One number for each layer and head, printed in its cell.
function matrix(panel, width, readout) {
  const values = panel.values, columns = values[0].length, left = 58, cell = Math.max(30, Math.min(64, (width - left - 4) / columns));
  const most = Math.max(...values.flat().map(Math.abs), 1e-9), high = 26;
  const drawing = canvas(left + columns * cell + 4, 26 + values.length * high + 4, panel.title);
  for (let column = 0; column < columns; column++) drawing.append(label(`head ${column + 1}`.slice(cell < 44 ? 5 : 0), left + (column + 0.5) * cell, 12, { "text-anchor": "middle", "font-size": 11 }));
  values.forEach((row, layer) => {
    drawing.append(label(`layer ${layer + 1}`, left - 8, 26 + (layer + 0.5) * high, { "text-anchor": "end", "font-size": 11 }));
    row.forEach((value, head) => {
      const text = `Layer ${layer + 1}, head ${head + 1}: ${number(value, panel.unit)}`;
      drawing.append(told(svg("g", { tabindex: 0, role: "img", "aria-label": text },
        svg("rect", { x: left + head * cell, y: 26 + layer * high, width: cell - 2, height: high - 2, rx: 2, fill: tint(value / most, true), stroke: "currentColor", "stroke-opacity": 0.15 }),
        label(number(value, panel.unit).replace(" %", cell < 44 ? "" : " %"), left + (head + 0.5) * cell - 1, 25 + (layer + 0.5) * high, { "text-anchor": "middle", "font-size": 11 })), text, readout));
    });
  });
  const rows = values.flatMap((row, layer) => row.map((value, head) => [layer + 1, head + 1, value]));
  return { drawing, rows: [["layer", "head", "value"], ...rows] };
}

// -- attention -----------------------------------------------------------------------------------------------------------

// Probabilities, (layers, heads, time, time), sent as 16 bits each.
function attentionOf(panel) {
  const bytes = Uint8Array.from(atob(panel.values), (sign) => sign.charCodeAt(0)), view = new DataView(bytes.buffer);
  const time = panel.tokens.length;
  return (layer, head) => {
    const start = (layer * panel.heads + head) * time * time;
    return Array.from({ length: time }, (_, from) => Array.from({ length: time }, (_, to) => view.getUint16(2 * (start + from * time + to), true) / 65535));
  };
}

function picture(values) {
  const time = values.length, most = Math.max(...values.flat(), 1e-9), board = html("canvas", { width: time, height: time });
  const image = new ImageData(time, time), [red, green, blue] = MANY.split(",").map(Number);
  values.flat().forEach((value, index) => image.data.set([red, green, blue, Math.round((255 * value) / most)], 4 * index));
  board.getContext("2d").putImageData(image, 0, 0);
  return board.toDataURL();
}

function allHeads(panel, width, state, choose) {
  const left = 22, cell = Math.max(26, Math.min(84, (width - left - 4) / panel.heads));
  const drawing = canvas(left + panel.heads * cell + 4, left + panel.layers * cell + 4, "All heads");
  for (let head = 0; head < panel.heads; head++) drawing.append(label(head + 1, left + (head + 0.5) * cell, 10, { "text-anchor": "middle", "font-size": 11 }));
  for (let layer = 0; layer < panel.layers; layer++) {
    drawing.append(label(layer + 1, 9, left + (layer + 0.5) * cell, { "text-anchor": "middle", "font-size": 11 }));
    for (let head = 0; head < panel.heads; head++) {
      const chosen = layer === state.layer && head === state.head, [x, y] = [left + head * cell + 1, left + layer * cell + 1];
      const mark = svg("g", { role: "button", tabindex: chosen ? 0 : -1, "aria-pressed": chosen, "aria-label": `Layer ${layer + 1}, head ${head + 1}`, "data-head": `${layer}.${head}` },
        svg("image", { x, y, width: cell - 4, height: cell - 4, href: state.pictures[layer][head], preserveAspectRatio: "none", style: "image-rendering: pixelated" }),
        svg("rect", { x, y, width: cell - 4, height: cell - 4, fill: "transparent", stroke: chosen ? `rgb(${LESS})` : "currentColor", "stroke-opacity": chosen ? 1 : 0.25, "stroke-width": chosen ? 3 : 1 }),
        svg("title", {}, `Layer ${layer + 1}, head ${head + 1}`));
      mark.addEventListener("click", () => choose(layer, head));
      mark.addEventListener("keydown", (event) => {
        const [down, across] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [0, 0];
        if (!down && !across) return;
        event.preventDefault();
        choose((layer + down + panel.layers) % panel.layers, (head + across + panel.heads) % panel.heads);
      });
      drawing.append(mark);
    }
  }
  return { drawing, rows: null };
}

function oneHead(panel, width, state, readout) {
  const values = state.attention(state.layer, state.head), tokens = panel.tokens, time = tokens.length;
  const names = Math.min(110, Math.max(...tokens.map((token) => textWidth(token, 11))) + 8);
  const cell = Math.max(13, Math.min(30, (width - names - 6) / time)), side = cell * time, most = Math.max(...values.flat());
  const drawing = canvas(Math.max(names + side + 4, 240), names + side + 40, `Layer ${state.layer + 1}, head ${state.head + 1}`);
  tokens.forEach((token, index) => {
    const middle = names + (index + 0.5) * cell, name = shorten(token, names - 6, 11);
    drawing.append(label(name, names - 5, middle, { "text-anchor": "end", "font-size": 11 }));
    drawing.append(label(name, middle, names - 5, { "font-size": 11, transform: `rotate(-90 ${middle} ${names - 5})` }));
  });
  const area = svg("rect", { x: names, y: names, width: side, height: side, fill: "transparent", stroke: "currentColor", "stroke-opacity": 0.3 });
  const tell = (event) => {
    const box = area.getBoundingClientRect();
    const [to, from] = [event.clientX - box.left, event.clientY - box.top].map((place) => Math.min(time - 1, Math.max(0, Math.floor((place / box.width) * time))));
    readout.textContent = `“${tokens[from]}” gives ${number(values[from][to], "percent")} of its attention to “${tokens[to]}”`;
  };
  for (const event of ["mousemove", "click"]) area.addEventListener(event, tell);
  drawing.append(svg("image", { x: names, y: names, width: side, height: side, href: picture(values), preserveAspectRatio: "none", style: "image-rendering: pixelated" }), area);
  drawing.append(scale("0 %", number(most, "percent"), false, names, names + side + 8, Math.min(side, 160)));
  const rows = values.flatMap((row, from) => row.map((value, to) => [state.layer + 1, state.head + 1, from + 1, tokens[from], to + 1, tokens[to], value.toFixed(5)]));
  return { drawing, rows: [["layer", "head", "from", "from_token", "to", "to_token", "attention"], ...rows] };
}

function heads(panel) {
  const attention = attentionOf(panel), state = { attention, layer: panel.chosen[0], head: panel.chosen[1] };
  state.pictures = Array.from({ length: panel.layers }, (_, layer) => Array.from({ length: panel.heads }, (_, head) => picture(attention(layer, head))));
  const [overview, detail] = [html("section", { class: "panel" }), html("section", { class: "panel" })];
  const draw = (focus) => {
    const note = panel.notes?.[state.layer]?.[state.head] ?? "";
    fill(overview, { title: "All heads", note: "Rows are layers, columns are heads. Choose one by a click or the arrow keys." }, (_, width) => allHeads(panel, width, state, choose));
    fill(detail, { title: `Layer ${state.layer + 1}, head ${state.head + 1}`, note: `Each row is a token, and shows how much it looks at each column.${note ? ` ${note}` : ""}` }, (_, width, readout) => oneHead(panel, width, state, readout));
    if (focus) overview.querySelector(`[data-head="${state.layer}.${state.head}"]`)?.focus();
  };
  const choose = (layer, head) => {
    [state.layer, state.head, panel.chosen] = [layer, head, [layer, head]];
    draw(true);
  };
  return { sections: [overview, detail], draw };
}

// -- downloads -----------------------------------------------------------------------------------------------------------

function save(blob, name) {
  const link = html("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function standalone(drawing) {
  const copy = drawing.cloneNode(true), style = getComputedStyle(root);
  let [node, ground] = [root, ""];
  while (node && (!ground || ground === "rgba(0, 0, 0, 0)")) [ground, node] = [getComputedStyle(node).backgroundColor, node.parentElement];
  copy.setAttribute("style", `color: ${style.color}; font: ${FONT}`);
  copy.insertBefore(svg("rect", { width: "100%", height: "100%", fill: ground }), copy.firstChild);
  return new XMLSerializer().serializeToString(copy);
}

function savePng(drawing, name) {
  const [width, height] = ["width", "height"].map((side) => Number(drawing.getAttribute(side)));
  const board = html("canvas", { width: 2 * width, height: 2 * height }), image = new Image();
  image.onload = () => {
    board.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
    board.toBlob((blob) => save(blob, `${name}.png`));
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(drawing))}`;
}

function csv(rows) {
  const cell = (value) => (/[",\n\r]/.test(String(value)) ? `"${String(value).replace(/"/g, '""')}"` : String(value));
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

function downloads(title, drawing, rows) {
  const name = title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "chart";
  const kinds = { PNG: () => savePng(drawing, name), SVG: () => save(new Blob([standalone(drawing)], { type: "image/svg+xml" }), `${name}.svg`) };
  if (rows) kinds.CSV = () => save(new Blob([csv(rows)], { type: "text/csv" }), `${name}.csv`);
  const buttons = Object.entries(kinds).map(([kind, run]) => {
    const button = html("button", { type: "button", "aria-label": `Download “${title}” as ${kind}` }, kind);
    button.addEventListener("click", run);
    return button;
  });
  return html("div", { class: "downloads" }, "Download", ...buttons);
}

// -- the whole -----------------------------------------------------------------------------------------------------------

const KINDS = { bars, points, words, matrix };
let redraw = () => {};

function fill(section, panel, draw) {
  const readout = html("p", { class: "readout" }), width = Math.max(240, Math.floor(section.clientWidth || root.clientWidth));
  const { drawing, rows } = draw(panel, width, readout);
  const head = [html("h4", { "aria-level": 2 }, panel.title), ...(panel.note ? [html("p", { class: "note" }, panel.note)] : [])];
  section.replaceChildren(...head, html("div", { class: "drawing" }, drawing), readout, downloads(panel.title, drawing, rows));
}

function render() {
  let value = {};
  try {
    value = JSON.parse(props.value || "{}");
  } catch {}
  emptyText = value.empty || emptyText;
  const panels = value.panels ?? [];
  const parts = panels.map((panel) => {
    if (panel.kind === "heads") return heads(panel);
    const section = html("section", { class: panel.wide ? "panel wide" : "panel" });
    return { sections: [section], draw: () => fill(section, panel, KINDS[panel.kind]) };
  });
  root.replaceChildren(...(parts.length ? parts.flatMap((part) => part.sections) : [html("p", { class: "soft" }, emptyText)]));
  redraw = () => parts.forEach((part) => part.draw());
  redraw();
}

let drawnWidth = root.clientWidth;
new ResizeObserver(() => {
  if (!root.clientWidth || Math.abs(root.clientWidth - drawnWidth) < 8) return;
  drawnWidth = root.clientWidth;
  redraw();
}).observe(root);
render();
watch("value", render);
