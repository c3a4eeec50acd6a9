"use strict";
// Tables that filter, search and sort, and details drawn when asked for. Text reaches the page as text nodes only.
const data = JSON.parse(document.getElementById("data").textContent);
const FIRST_ROWS = 25;
const dialog = document.getElementById("details");

const make = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};
const draw = (name, attributes = {}, text) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
};
const text = (cell) => (Array.isArray(cell) ? cell[0] : cell);
const sortKey = (cell) => (Array.isArray(cell) ? cell[1] : cell);

const sources = {
  cases: data.cases.map((row, position) => ({ ...row, link: `#case=${encodeURIComponent(row.id)}`, position })),
  contests: data.contests.map((row, position) => ({ ...row, link: `#contest=${position}`, position })),
};
const unknownLast = { cases: 2, contests: 5 }; // the column whose rows without a number come last at first
const columns = { cases: data.columns, contests: data.crossing_columns };
for (const rows of Object.values(sources)) {
  for (const row of rows) row.sought = row.cells.map(text).join(" ").toLowerCase();
}

function table(holder) {
  const kind = holder.dataset.table;
  const unknown = (row) => sortKey(row.cells[unknownLast[kind]]) === null;
  const all = sources[kind].filter((row) => !holder.dataset.suite || row.suite === holder.dataset.suite)
    .sort((a, b) => unknown(a) - unknown(b));
  const numeric = columns[kind].map((_, i) => all.some((row) => Array.isArray(row.cells[i])));
  const used = columns[kind].map((_, i) => all.some((row) => !["–", ""].includes(text(row.cells[i]))));
  const state = { words: [], column: -1, direction: 1, most: FIRST_ROWS };

  const search = make("input", { type: "search", placeholder: "every word must occur", "aria-label": "Search in this table" });
  const status = make("span", { role: "status", class: "aside" });
  const more = make("button", { type: "button" });
  const body = make("tbody");
  const heads = columns[kind].map((name, i) => {
    const button = make("button", { type: "button" }, name);
    const head = make("th", { scope: "col", class: numeric[i] ? "number" : "" }, button);
    button.addEventListener("click", () => {
      state.direction = state.column === i ? -state.direction : 1;
      state.column = i;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", state.direction > 0 ? "ascending" : "descending");
      show();
    });
    return head;
  });

  const chosen = () => {
    const rows = all.filter((row) => state.words.every((word) => row.sought.includes(word)));
    if (state.column < 0) return rows;
    const order = (a, b) => {
      const [x, y] = [sortKey(a.cells[state.column]), sortKey(b.cells[state.column])];
      if (x === null || y === null) return (x === null) - (y === null); // what is unknown comes last
      return state.direction * (typeof x === "number" ? x - y : x.localeCompare(y, "en", { numeric: true }));
    };
    return rows.sort(order);
  };
  const show = () => {
    const rows = chosen();
    body.replaceChildren(...rows.slice(0, state.most).map((row) => line(row, numeric, used)));
    status.textContent = `${rows.length} of ${all.length}`;
    more.hidden = rows.length <= state.most;
    more.textContent = `Show ${Math.min(rows.length - state.most, 500)} more`;
  };
  search.addEventListener("input", () => {
    state.words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    show();
  });
  more.addEventListener("click", () => { state.most += 500; show(); });
  const head = make("thead", {}, make("tr", {}, ...heads.filter((_, i) => used[i])));
  const bar = make("div", { class: "bar" }, search, status);
  holder.append(bar, make("div", { class: "scroll" }, make("table", {}, head, body)), more);
  show();
}

function line(row, numeric, used) {
  const cells = row.cells.map((cell, i) => {
    if (i === 0) return make("td", { class: "name" }, make("a", { href: row.link }, text(cell)));
    const node = make("td", numeric[i] ? { class: "number" } : {}, text(cell));
    const word = text(cell).split(" ")[0];
    if (["noisy", "failed", "timeout", "skipped"].includes(word)) node.classList.add(word);
    return node;
  });
  return make("tr", {}, ...cells.filter((_, i) => used[i]));
}

const facts = (pairs) => make("dl", { class: "facts" },
  ...pairs.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {},
    name === "measure again" ? make("code", {}, value) : value))));

function caseDetails(position) {
  const launches = data.blocks[position];
  const parts = [facts(data.facts[position])];
  if (launches.length) {
    parts.push(make("h3", {}, "Blocks in time order, launch by launch"), timeline(launches));
    parts.push(make("h3", {}, "Distribution of the blocks that count"), histogram(launches.flat()));
  }
  const met = data.contests.map((contest, i) => [contest, i]).filter(([contest]) => contest.evidence.includes(data.cases[position].id));
  if (met.length) {
    parts.push(make("h3", {}, "Part of"), make("ul", {}, ...met.map(([contest, i]) =>
      make("li", {}, make("a", { href: `#contest=${i}` }, contest.cells.map(text).filter(Boolean).join(" · "))))));
  }
  return [data.cases[position].id, parts];
}

const deviation = (code) => Math.floor(code / 2) / 1000;
const isDisturbed = (code) => code & 1;
const percent = (share) => `${share > 0 ? "+" : ""}${+(100 * share).toPrecision(2)} %`;

// The scale holds every block that counts; a disturbed one beyond it sits at the edge.
function scale(codes) {
  const counted = codes.filter((code) => !isDisturbed(code)).map(deviation);
  const reach = Math.max(0.01, ...(counted.length ? counted : codes.map(deviation)).map(Math.abs));
  return Math.min(reach * 1.15, 20);
}

function timeline(launches) {
  const codes = launches.flat();
  const [width, height, left, gap] = [900, 230, 70, 14];
  const reach = scale(codes);
  const step = (width - left - gap * launches.length) / codes.length;
  const y = (value) => height / 2 - (Math.max(-reach, Math.min(reach, value)) / reach) * (height / 2 - 22);
  const hit = codes.filter(isDisturbed).length;
  const label = `${codes.length} blocks in ${launches.length} launches; ${hit} disturbed by others, drawn hollow and not counted`;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const share of [-reach / 1.15, 0, reach / 1.15]) {
    svg.append(draw("line", { x1: left, x2: width, y1: y(share), y2: y(share), class: share ? "rule" : "rule middle" }));
    svg.append(draw("text", { x: left - 8, y: y(share) + 4, "text-anchor": "end" }, share ? percent(share) : "median"));
  }
  let x = left;
  launches.forEach((launch, number) => {
    svg.append(draw("text", { x, y: height - 2 }, `${launches.length < 13 ? "launch " : ""}${number + 1}`));
    for (const code of launch) {
      x += step;
      const disturbed = isDisturbed(code);
      svg.append(draw("circle", { cx: x - step / 2, cy: y(deviation(code)), r: disturbed ? 3.5 : 2.5, class: disturbed ? "disturbed" : "block" }));
    }
    x += gap;
  });
  watermark(svg, width, height);
  return make("div", {}, svg, make("p", { class: "aside" }, `${label}.`));
}

function histogram(codes) {
  const counted = codes.filter((code) => !isDisturbed(code)).map(deviation);
  const reach = scale(codes);
  const [width, height, bins] = [900, 130, 41];
  const counts = new Array(bins).fill(0);
  for (const value of counted) counts[Math.min(bins - 1, Math.max(0, Math.floor(((value + reach) / (2 * reach)) * bins)))] += 1;
  const most = Math.max(1, ...counts);
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${counted.length} blocks, most near the median` });
  counts.forEach((count, i) => {
    const tall = (count / most) * (height - 30);
    svg.append(draw("rect", { x: (i * width) / bins, y: height - 20 - tall, width: width / bins - 2, height: tall, class: "block" }));
  });
  for (const [share, anchor, x] of [[-reach, "start", 0], [0, "middle", width / 2], [reach, "end", width]]) {
    svg.append(draw("text", { x, y: height - 4, "text-anchor": anchor }, share ? percent(share) : "median"));
  }
  watermark(svg, width, height);
  return svg;
}

function contestDetails(position) {
  const contest = data.contests[position];
  const names = data.crossing_columns;
  const pairs = contest.cells.map((cell, i) => [names[i], text(cell)]).filter(([, value]) => value && value !== "–");
  if (contest.reuses.length) {
    const paid = contest.points.map(([size], i) => [size, contest.reuses[i]]).filter(([, times]) => times);
    pairs.push(["calls on the same data that pay for moving it", paid.length
      ? paid.map(([size, times]) => `${times.toLocaleString("en")} at ${contest.axis} = ${size.toLocaleString("en")}`).join(", ") : "no number does"]);
  }
  const parts = [facts(pairs)];
  if (contest.points.length > 1) {
    const [incumbent, challenger] = contest.pair;
    parts.push(make("h3", {}, `How many times as fast ${challenger} is as ${incumbent}, along ${contest.axis}`), ratios(contest));
  }
  const links = contest.evidence.map((id) => make("li", {}, make("a", { href: `#case=${encodeURIComponent(id)}` }, id)));
  if (links.length) parts.push(make("details", {}, make("summary", {}, `${links.length} cases it rests on`), make("ul", {}, ...links)));
  return [contest.cells.slice(0, 4).map(text).filter(Boolean).join(" · "), parts];
}

function ratios(contest) {
  const [width, height, left, bottom] = [900, 280, 70, 34];
  const points = contest.points.filter((point) => point[0] && point[1]);
  const [sizes, values] = [points.map((point) => Math.log(point[0])), points.flatMap((point) => point.slice(1).filter(Boolean).map(Math.log))];
  const [x0, x1] = [Math.min(...sizes), Math.max(...sizes)];
  const tightest = points.map((point) => Math.log(point[1]));
  const [low, high] = [Math.min(-0.05, ...tightest, Math.max(Math.min(...values), Math.min(...tightest) - 1)), Math.max(0.05, ...tightest, Math.min(Math.max(...values), Math.max(...tightest) + 1))];
  const x = (size) => left + ((Math.log(size) - x0) / (x1 - x0)) * (width - left - 30);
  const y = (ratio) => 12 + ((high - Math.max(low, Math.min(high, Math.log(ratio)))) / (high - low)) * (height - bottom - 24);
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Ratio of times along the axis; above 1 the challenger is faster" });
  if (contest.low) {
    svg.append(draw("rect", { x: x(contest.low), width: Math.max(2, x(contest.high) - x(contest.low)), y: 12, height: height - bottom - 12, class: "band" }));
  }
  for (const ratio of ticks(Math.exp(low), Math.exp(high))) {
    svg.append(draw("line", { x1: left, x2: width - 30, y1: y(ratio), y2: y(ratio), class: ratio === 1 ? "rule middle" : "rule" }));
    svg.append(draw("text", { x: left - 8, y: y(ratio) + 4, "text-anchor": "end" }, `${ratio} ×`));
  }
  let free = -Infinity;
  for (const [size, ratio, from, to] of points) {
    if (x(size) > free) {
      svg.append(draw("text", { x: x(size), y: height - 10, "text-anchor": "middle" }, size.toLocaleString("en")));
      free = x(size) + 75;
    }
    if (from && to) svg.append(draw("line", { x1: x(size), x2: x(size), y1: y(from), y2: y(to), class: "curve" }));
    svg.append(draw("circle", { cx: x(size), cy: y(ratio), r: 4, class: "block" }));
  }
  svg.append(draw("path", { class: "curve", d: points.map(([size, ratio], i) => `${i ? "L" : "M"}${x(size)} ${y(ratio)}`).join("") }));
  watermark(svg, width, height);
  return svg;
}

function ticks(low, high) {
  const found = [1];
  const factor = Math.log10(high / low) > 4 ? 100 : Math.log10(high / low) > 1.5 ? 10 : 2;
  for (let up = factor; up <= high; up *= factor) found.push(up);
  for (let down = 1 / factor; down >= low; down /= factor) found.push(+down.toPrecision(2));
  return found;
}

function watermark(svg, width, height) {
  if (data.simulated) svg.append(draw("text", { x: width / 2, y: height / 2 + 20, "text-anchor": "middle", class: "across" }, "simulated"));
}

// A case or a contest has an address of its own, so that it can be linked to.
function follow() {
  const [, kind, name] = location.hash.match(/^#(case|contest)=(.*)$/) || [];
  if (!kind) return dialog.open && dialog.close();
  const position = kind === "case" ? data.cases.findIndex((row) => row.id === decodeURIComponent(name)) : Number(name);
  if (!(position >= 0 && position < sources[`${kind}s`].length)) return undefined;
  const [title, parts] = kind === "case" ? caseDetails(position) : contestDetails(position);
  document.getElementById("details-title").textContent = title;
  document.getElementById("details-body").replaceChildren(...parts);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  return undefined;
}

document.querySelectorAll(".table").forEach(table);
document.querySelectorAll("[data-answer]").forEach((link) => { link.href = `#contest=${data.answers[link.dataset.answer]}`; });
document.getElementById("more-answers")?.addEventListener("click", (event) => {
  document.querySelector(".answers").classList.add("open");
  event.target.remove();
});
dialog.querySelector(".close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => history.replaceState(null, "", location.pathname + location.search));
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
addEventListener("hashchange", follow);
follow();
