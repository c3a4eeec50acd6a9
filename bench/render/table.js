"use strict";
// Tables that filter, search and sort. Text reaches the page as text nodes only.
const data = JSON.parse(document.getElementById("data").textContent);
const FIRST_ROWS = 25;
const MOST_CHOICES = 15; // different values of a column up to which it can be filtered by one
const LONGEST_CHOICE = 40;
const SHORT = 24; // characters of a cell that is not to be broken
const MOST_SPREAD = 3; // names in the rows shown up to which each is a column of its own
const collator = new Intl.Collator("en", { numeric: true });

// What people call things that cases name otherwise: any of these words will do.
const MEANT = {
  gpu: ["gpu", "accelerator", ...(data.accelerators || [])], accelerator: ["accelerator", ...(data.accelerators || [])],
  processor: ["cpu"], pytorch: ["torch"], ort: ["onnxruntime"], fp16: ["float16"], half: ["float16"], bf16: ["bfloat16"],
  fp32: ["float32"], fp64: ["float64"], double: ["float64"], multiplication: ["matmul", "mul"],
};

const make = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};
const grouped = (value) => (typeof value === "number" && Math.abs(value) >= 10_000 && Number.isInteger(value)
  ? String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f") : String(value));
const pairs = (values) => Object.entries(values).map(([name, value]) => `${name} = ${grouped(value)}`).join(", ");
const text = (cell) => (Array.isArray(cell) ? cell[0] : typeof cell === "object" ? pairs(cell) : cell);
const sortKey = (cell) => (Array.isArray(cell) ? cell[1] : text(cell));
const address = (kind, key) => `#${kind}=${encodeURIComponent(key)}`;

const positions = {}; // of rows, by kind and key
for (const [kind, { rows }] of Object.entries(data.tables)) {
  positions[kind] = new Map(rows.map((row, position) => [row.key, position]));
  for (const row of rows) {
    row.sought = `${row.sign ? "⚠ warning" : ""} ${row.key || ""} ${data.families?.[row.suite] || ""} ${row.cells.map(text).join(" ")}`.toLowerCase();
  }
}
const meant = (word) => (Object.hasOwn(MEANT, word) ? MEANT[word] : [word]);

function table(holder) {
  const kind = holder.dataset.table;
  const { name, columns, rows: everything, unknown, spread } = data.tables[kind];
  const isUnknown = (row) => unknown !== null && sortKey(row.cells[unknown]) === null;
  const all = everything.filter((row) => !row.folded).sort((a, b) => isUnknown(a) - isUnknown(b));
  const folded = everything.filter((row) => row.folded);
  const state = { words: [], chosen: new Map(), family: "", column: "", direction: 1, most: FIRST_ROWS, names: [] };

  // A column: its name, and which cell of a row is in it.
  const fixed = columns.map((column, i) => ({ name: column, of: (row) => row.cells[i], i }))
    .filter(({ of, i }) => i === 0 || all.some((row) => !["–", ""].includes(text(of(row)))));
  const named = (column) => ({ name: column, of: (row) => {
    const value = row.cells[spread][column];
    return value === undefined ? "" : typeof value === "number" ? [grouped(value), value] : value;
  } });
  let shown = fixed;

  const search = make("input", { type: "search", placeholder: "Filter, e.g. resnet gpu", "aria-label": `Search in ${name}: every word must occur` });
  const status = make("span", { role: "status", class: "aside" });
  const more = make("button", { type: "button" });
  const heads = make("tr");
  const body = make("tbody");

  const select = (label, any, values, choose) => {
    const options = [["", any], ...values].map(([value, told]) => make("option", { value }, told));
    const node = make("select", { "aria-label": label }, ...options);
    node.addEventListener("change", () => { choose(node.value); show(); });
    return node;
  };
  const families = [...new Set(all.map((row) => row.suite))].filter(Boolean);
  const family = kind === "case" && families.length > 1
    ? select("Only rows of the family", "any family", families.map((each) => [each, data.families[each]]), (value) => { state.family = value; }) : "";
  const filters = columns.map((column, i) => {
    const numeric = all.some((row) => typeof row.cells[i] === "object");
    const values = i && !numeric && all.length > 7 ? [...new Set(all.map((row) => row.cells[i]))].filter(Boolean) : [];
    if (values.length < 2 || values.length > MOST_CHOICES || values.some((value) => value.length > LONGEST_CHOICE)) return "";
    return select(`Only rows whose ${column} is`, `any ${column}`, values.sort().map((value) => [value, value]), (value) => {
      if (value) state.chosen.set(i, value);
      else state.chosen.delete(i);
    });
  }).filter(Boolean);

  const fits = (row) => state.words.every((any) => any.some((word) => row.sought.includes(word)))
    && (!state.family || row.suite === state.family) && [...state.chosen].every(([i, value]) => row.cells[i] === value);
  const sorted = (rows) => {
    const column = shown.find((each) => each.name === state.column);
    if (!column) return rows;
    return rows.sort((a, b) => {
      const [x, y] = [sortKey(column.of(a)), sortKey(column.of(b))];
      const missing = (value) => value === null || value === "";
      if (missing(x) || missing(y)) return missing(x) - missing(y); // what is unknown comes last
      const bothNumbers = typeof x === "number" && typeof y === "number";
      return state.direction * (bothNumbers ? x - y : collator.compare(x, y));
    });
  };
  const show = () => {
    const rows = all.filter(fits);
    const others = state.words.length ? folded.filter(fits).length : 0;
    lay(rows);
    body.replaceChildren(...sorted(rows).slice(0, state.most).map((row) => line(row, kind, shown)));
    status.textContent = `${rows.length} of ${all.length}${others ? `; ${others} that fit were not measured: see below` : ""}`;
    more.hidden = rows.length <= state.most;
    more.textContent = `Show ${Math.min(rows.length - state.most, 500)} more`;
  };
  // The columns for these rows: names and values in one, or each name by itself where there are few.
  const lay = (rows) => {
    const names = new Set();
    for (const row of spread === null ? [] : rows) {
      for (const each in row.cells[spread]) names.add(each);
      if (names.size > MOST_SPREAD) break;
    }
    const apart = names.size <= MOST_SPREAD ? [...names] : [];
    if (heads.childElementCount && apart.join() === state.names.join()) return;
    state.names = apart;
    shown = fixed.flatMap((column) => (column.i === spread && apart.length ? apart.map(named) : [column]));
    for (const column of shown) column.numeric = rows.some((row) => Array.isArray(column.of(row)));
    heads.replaceChildren(...shown.map(head));
  };
  const head = (column) => {
    const button = make("button", { type: "button" }, column.name);
    const node = make("th", { scope: "col", class: column.numeric ? "number" : "" }, button);
    if (state.column === column.name) mark(node);
    button.addEventListener("click", () => {
      state.direction = state.column === column.name ? -state.direction : 1;
      state.column = column.name;
      for (const each of heads.children) each.removeAttribute("aria-sort");
      mark(node);
      show();
    });
    return node;
  };
  const mark = (node) => node.setAttribute("aria-sort", state.direction > 0 ? "ascending" : "descending");

  search.addEventListener("input", () => {
    state.words = search.value.toLowerCase().split(/\s+/).filter(Boolean).map(meant);
    show();
  });
  more.addEventListener("click", () => {
    const before = state.most;
    state.most += 500;
    show();
    body.rows[before].querySelector("a")?.focus(); // the button may be gone, and the keyboard's place with it
  });
  holder.addEventListener("family", ({ detail }) => {
    if (family) family.value = state.family = detail;
    show();
  });
  const bar = make("div", { class: "bar" }, search, family, ...filters, status);
  const scroll = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name },
    make("table", { "aria-label": name, class: `of-${kind}` }, make("thead", {}, heads), body));
  holder.append(bar, scroll, more);
  show();
}

const SURE = ["solid", "rough", "unsettled"];
const TROUBLES = ["noisy", "failed", "timeout", "skipped"];

// A name that may be broken where a part of it ends, such as a folder's: elsewhere only where nothing else does.
const parted = (name) => String(name).split(/(?<=[/_\]]|::)/).flatMap((part, i) => (i ? [make("wbr"), part] : [part]));

function line(row, kind, columns) {
  return make("tr", {}, ...columns.map((column, i) => {
    const told = text(column.of(row));
    if (i === 0) return make("th", { scope: "row" }, ...(row.key === undefined ? parted(told) : [make("a", { href: address(kind, row.key) }, ...parted(told))]));
    const node = make("td", column.numeric ? { class: "number" } : {}, told);
    if (told.length <= SHORT) node.classList.add("short");
    const word = told.split(" ")[0];
    if (TROUBLES.includes(word)) node.classList.add(word);
    if (column.name === "confidence") {
      if (SURE.includes(word)) node.classList.add("sure", word);
      if (row.sign) node.append(" ", make("span", { role: "img", "aria-label": "warning", class: "sign" }, "⚠"));
    }
    return node;
  }));
}
