"use strict";
// A flame graph: choosing a frame makes it as wide as the page, choosing it again shows everything.
for (const graph of document.querySelectorAll(".flames")) {
  const frames = [...graph.querySelectorAll(".flame")];
  const place = (left, width) => frames.forEach((frame) => {
    const [from, share] = [(frame.dataset.left - left) / width, frame.dataset.width / width];
    const [start, end] = [Math.max(0, from), Math.min(1, from + share)];
    frame.hidden = end - start < 0.0005;
    frame.style.left = `${100 * start}%`;
    frame.style.width = `${100 * (end - start)}%`;
  });
  let chosen = null;
  graph.addEventListener("click", (event) => {
    const frame = event.target.closest(".flame");
    if (!frame) return;
    chosen = frame === chosen ? null : frame;
    if (chosen) place(Number(chosen.dataset.left), Number(chosen.dataset.width));
    else place(0, 1);
  });
}
