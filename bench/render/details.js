// Details of a row, drawn when its address is followed.
const dialog = document.getElementById("details");
const facts = (pairs) => make("dl", { class: "facts" },
  ...pairs.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));

// A command, and a button that copies it; where a browser refuses, the command is selected instead.
function copied(command) {
  const code = make("code", {}, command);
  const button = make("button", { type: "button" }, "Copy");
  const told = make("span", { role: "status", class: "aside" });
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command);
      told.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(code);
      told.textContent = "selected: copy it with the keyboard";
    }
  });
  return make("p", { class: "command" }, code, button, told);
}

const named = (kind, row) => row.cells.map((cell, i) => [data.tables[kind].columns[i], text(cell)]).filter(([, value]) => value && value !== "–");
const links = (kind, keys, shown = (key) => key) => make("ul", {}, ...keys.map((key) =>
  make("li", {}, make("a", { href: address(kind, key) }, shown(key)))));

function caseDetails(row, position) {
  const launches = data.blocks[position];
  const pairs = data.facts[position].map((pair) => pair.map((place) => data.texts[place]));
  const [again, told] = [true, false].map((wanted) => pairs.filter(([name]) => (name === "measure again") === wanted));
  const parts = [make("p", { class: "aside" }, make("code", {}, row.key))];
  const profile = data.profiles[position];
  if (profile) parts.push(make("p", {}, make("a", { href: profile }, "Where its time goes: operators, memory, stacks")));
  if (launches.length) {
    parts.push(make("h3", {}, "Blocks in time order, launch by launch"), timeline(launches));
    parts.push(make("h3", {}, "Distribution of the blocks that count"), histogram(launches.flat()));
  }
  for (const [, command] of again) parts.push(make("h3", {}, "Measure it again"), copied(command));
  parts.push(make("h3", {}, "In numbers"), facts(told));
  const met = (data.tables.contest?.rows || []).filter(({ evidence }) => evidence.includes(row.key));
  const contest = (key) => data.tables.contest.rows[positions.contest.get(key)].cells.map(text).filter(Boolean).join(" · ");
  if (met.length) parts.push(make("h3", {}, "Part of"), links("contest", met.map(({ key }) => key), contest));
  return [row.cells.slice(0, 3).map(text).filter(Boolean).join(" · "), parts];
}

function contestDetails(row) {
  const pairs = [...named("contest", row), ["note", row.note]].filter(([, value]) => value);
  if (row.reuses.length) {
    const paid = row.points.map(([size], i) => [size, row.reuses[i]]).filter(([, times]) => times);
    pairs.push(["calls on the same data that pay for moving it", paid.length
      ? paid.map(([size, times]) => `${grouped(times)} at ${row.axis} = ${grouped(size)}`).join(", ") : "no number does"]);
  }
  const parts = [];
  if (row.points.length > 1) {
    const [incumbent, challenger] = row.pair;
    parts.push(make("h3", {}, `How many times as fast ${challenger} is as ${incumbent}, along ${row.axis}`), ratios(row));
  }
  parts.push(facts(pairs));
  if (row.evidence.length) {
    parts.push(make("details", {}, make("summary", {}, `${row.evidence.length} cases it rests on`), links("case", row.evidence)));
  }
  return [row.cells.slice(0, 4).map(text).filter(Boolean).join(" · "), parts];
}

function seriesDetails(row) {
  const parts = [facts([...named("series", row).slice(1), ...row.setting])];
  if (row.told.length) parts.push(make("ul", {}, ...row.told.map((sentence) => make("li", {}, sentence))));
  parts.push(make("h3", {}, "Time per call, run by run"), course(row));
  const runs = row.points.map(([run, median]) => make("li", {}, `${data.runs[run].filter(Boolean).join(" · ")}: ${seconds(median)}`)).reverse();
  parts.push(make("details", {}, make("summary", {}, `${runs.length} runs, the newest first`), make("ol", { reversed: "" }, ...runs)));
  return [row.cells[0], parts];
}

// A row with details has an address of its own, so that it can be linked to.
const details = { case: caseDetails, contest: contestDetails, series: seriesDetails };

function follow() {
  const [, kind, name] = location.hash.match(/^#(case|contest|series)=(.*)$/) || [];
  let position;
  try {
    position = positions[kind]?.get(decodeURIComponent(name));
  } catch { /* an address cut off in the middle of a character names no row */ }
  if (position === undefined) {
    if (dialog.open) dialog.close();
    return;
  }
  const [title, parts] = details[kind](data.tables[kind].rows[position], position);
  document.getElementById("details-title").textContent = title;
  document.getElementById("details-body").replaceChildren(...parts);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}
