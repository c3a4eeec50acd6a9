// Drawings of a detail: blocks in time, their distribution, a contest's ratios, a case's course over runs.
const room = () => Math.max(320, Math.min(900, document.documentElement.clientWidth - 48)); // so that text keeps its size on a phone
const draw = (name, attributes = {}, text) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
};

const deviation = (code) => Math.floor(code / 2) / 1000;
const isDisturbed = (code) => code & 1;
const percent = (share) => `${share > 0 ? "+" : share < 0 ? "−" : ""}${Math.abs(+(100 * share).toPrecision(2))} %`;

// The scale holds every block that counts, and the median; a disturbed block beyond it sits at the edge.
function scale(codes) {
  const counted = codes.filter((code) => !isDisturbed(code));
  const values = (counted.length ? counted : codes).map(deviation);
  const [low, high] = [Math.min(-0.01, ...values), Math.max(0.01, ...values)];
  const share = (value) => (Math.max(low, Math.min(high, value)) - low) / (high - low);
  return { low, high, share };
}

function timeline(launches) {
  const codes = launches.flat();
  const [width, height, left, gap] = [room(), 230, 70, 14];
  const { low, high, share } = scale(codes);
  const step = (width - left - gap * launches.length) / codes.length;
  const y = (value) => height - 32 - share(value) * (height - 50);
  const hit = codes.filter(isDisturbed).length;
  const label = `${codes.length} blocks in ${launches.length} ${launches.length === 1 ? "launch" : "launches"}; ${hit} disturbed by others, drawn hollow and not counted`;
  const svg = canvas(width, height, label);
  for (const value of [0, low, high]) {
    svg.append(draw("line", { x1: left, x2: width, y1: y(value), y2: y(value), class: value ? "rule" : "rule middle" }));
    if (value && Math.abs(y(value) - y(0)) < 16) continue; // its name would touch the median's
    svg.append(draw("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, value ? percent(value) : "median"));
  }
  let x = left;
  launches.forEach((launch, number) => {
    svg.append(draw("text", { x, y: height - 2 }, `${launches.length < 13 ? "launch " : ""}${number + 1}`));
    if (number) svg.append(draw("line", { x1: x - gap / 2, x2: x - gap / 2, y1: 10, y2: height - 16, class: "rule apart" }));
    for (const code of launch) {
      x += step;
      const disturbed = isDisturbed(code);
      svg.append(draw("circle", { cx: x - step / 2, cy: y(deviation(code)), r: disturbed ? 3.5 : 2.5, class: disturbed ? "disturbed" : "block" }));
    }
    x += gap;
  });
  return make("div", {}, watermarked(svg, width, height), make("p", { class: "aside" }, `${label}.`));
}

function histogram(codes) {
  const counted = codes.filter((code) => !isDisturbed(code)).map(deviation);
  const { low, high, share } = scale(codes);
  const [width, height, bins] = [room(), 130, 45];
  const counts = new Array(bins).fill(0);
  for (const value of counted) counts[Math.min(bins - 1, Math.floor(share(value) * bins))] += 1;
  const most = Math.max(1, ...counts);
  const svg = canvas(width, height, `How ${counted.length} blocks lie about their median, from ${percent(low)} to ${percent(high)}`);
  counts.forEach((count, i) => {
    const tall = (count / most) * (height - 30);
    svg.append(draw("rect", { x: (i * width) / bins, y: height - 20 - tall, width: width / bins - 2, height: tall, class: "block" }));
  });
  const middle = share(0) * width;
  for (const [value, anchor, x] of [[low, "start", 0], [0, "middle", middle], [high, "end", width]]) {
    if (value && Math.abs(x - middle) < 90) continue;
    svg.append(draw("text", { x: Math.max(22, Math.min(width - 22, x)) + (anchor === "middle" ? 0 : x ? 22 : -22), y: height - 4, "text-anchor": anchor }, value ? percent(value) : "median"));
  }
  return watermarked(svg, width, height);
}

function ratios(row) {
  const [width, height, left, bottom] = [room(), 280, 70, 34];
  const points = row.points.filter((point) => point[0] && point[1]);
  const [sizes, values] = [points.map((point) => Math.log(point[0])), points.flatMap((point) => point.slice(1).filter(Boolean).map(Math.log))];
  const [x0, x1] = [Math.min(...sizes), Math.max(...sizes)];
  const tightest = points.map((point) => Math.log(point[1]));
  const [low, high] = [Math.min(-0.05, ...tightest, Math.max(Math.min(...values), Math.min(...tightest) - 1)), Math.max(0.05, ...tightest, Math.min(Math.max(...values), Math.max(...tightest) + 1))];
  const x = (size) => left + ((Math.log(size) - x0) / (x1 - x0)) * (width - left - 30);
  const y = (ratio) => 12 + ((high - Math.max(low, Math.min(high, Math.log(ratio)))) / (high - low)) * (height - bottom - 24);
  const svg = canvas(width, height, "Ratio of times along the axis; above 1 the challenger is faster");
  if (row.low) {
    svg.append(draw("rect", { x: x(row.low), width: Math.max(2, x(row.high) - x(row.low)), y: 12, height: height - bottom - 12, class: "band" }));
  }
  for (const ratio of ticks(Math.exp(low), Math.exp(high))) {
    svg.append(draw("line", { x1: left, x2: width - 30, y1: y(ratio), y2: y(ratio), class: ratio === 1 ? "rule middle" : "rule" }));
    svg.append(draw("text", { x: left - 8, y: y(ratio) + 4, "text-anchor": "end" }, `${ratio} ×`));
  }
  let free = -Infinity;
  for (const [size, ratio, from, to] of points) {
    if (x(size) > free) {
      svg.append(draw("text", { x: x(size), y: height - 10, "text-anchor": "middle" }, grouped(size)));
      free = x(size) + 75;
    }
    if (from && to) svg.append(draw("line", { x1: x(size), x2: x(size), y1: y(from), y2: y(to), class: "curve" }));
    svg.append(draw("circle", { cx: x(size), cy: y(ratio), r: 4, class: "block" }));
  }
  svg.append(draw("path", { class: "curve", d: points.map(([size, ratio], i) => `${i ? "L" : "M"}${x(size)} ${y(ratio)}`).join("") }));
  return watermarked(svg, width, height);
}

function ticks(low, high) {
  const found = [1];
  const factor = Math.log10(high / low) > 4 ? 100 : Math.log10(high / low) > 1.5 ? 10 : 2;
  for (let up = factor; up <= high; up *= factor) found.push(up);
  for (let down = 1 / factor; down >= low; down /= factor) found.push(+down.toPrecision(2));
  return found;
}

const seconds = (value) => {
  const [factor, unit] = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]].find(([least]) => value >= least) || [1e-9, "ns"];
  return `${+(value / factor).toPrecision(3)} ${unit}`;
};

// Each run's time with its interval over the level that it belongs to; a change that matters is a bar.
function course(row) {
  const [width, height, left, bottom] = [room(), 280, 80, 26];
  const logs = row.points.flatMap(([, median, , , level]) => [Math.log(median), Math.log(level)]);
  const middle = (Math.min(...logs) + Math.max(...logs)) / 2;
  const half = Math.max(0.02, (Math.max(...logs) - Math.min(...logs)) / 2) * 1.15;
  const x = (position) => left + 8 + (position / Math.max(1, row.points.length - 1)) * (width - left - 20);
  const y = (value) => 8 + ((middle + half - Math.max(middle - half, Math.min(middle + half, Math.log(value)))) / (2 * half)) * (height - bottom - 16);
  const svg = canvas(width, height, `Time per call over ${row.points.length} runs; ${row.told.join(" ") || "no change that matters"}`);
  for (const share of [-1, 0, 1]) {
    const value = Math.exp(middle + (share * half) / 1.15);
    svg.append(draw("line", { x1: left, x2: width, y1: y(value), y2: y(value), class: "rule" }));
    svg.append(draw("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, seconds(value)));
  }
  for (const [from, to] of row.bars) {
    svg.append(draw("rect", { x: x(from), width: x(to) - x(from), y: 8, height: height - bottom - 8, class: "change" }));
  }
  row.points.forEach(([, median, low, high], i) => {
    if (low && high) svg.append(draw("line", { x1: x(i), x2: x(i), y1: y(low), y2: y(high), class: "interval" }));
    svg.append(draw("circle", { cx: x(i), cy: y(median), r: 3, class: "block" }));
  });
  const level = row.points.map(([, , , , value], i) => `${i ? "L" : "M"}${x(i)} ${y(value)}`).join("");
  svg.append(draw("path", { class: "level", d: level }));
  const ends = [[row.points[0], "start", left], [row.points[row.points.length - 1], "end", width]];
  for (const [[run], anchor, at] of ends) svg.append(draw("text", { x: at, y: height - 6, "text-anchor": anchor }, data.runs[run][1]));
  return svg;
}

const canvas = (width, height, label) => draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });

function watermarked(svg, width, height) {
  if (data.simulated) svg.append(draw("text", { x: width / 2, y: height / 2 + 20, "text-anchor": "middle", class: "across" }, "simulated"));
  return svg;
}
