"use strict";
// Figures that answer: what a point stands for, to a pointer or to the arrow keys, and the case behind it.
const NEAR = 22; // pixels from a point at which a pointer means it

function answering(picture) {
  const marks = (data.figures || {})[picture.dataset.figure] || [];
  if (!marks.length) return;
  const told = make("div", { class: "told", role: "status", hidden: "" });
  const ring = make("div", { class: "ring", hidden: "", "aria-hidden": "true" });
  picture.append(ring, told);
  picture.tabIndex = 0;
  let shown = -1;

  const show = (position) => {
    if (position === shown) return;
    shown = position;
    told.hidden = ring.hidden = position < 0;
    picture.classList.toggle("leads", position >= 0 && marks[position][4] !== "");
    if (position < 0) return;
    const [x, y, name, value] = marks[position];
    told.replaceChildren(make("strong", {}, name), make("span", {}, value));
    for (const node of [ring, told]) {
      node.style.left = `${100 * x}%`;
      node.style.top = `${100 * y}%`;
    }
    told.classList.toggle("leftwards", x > 0.55);
    told.classList.toggle("below", y < 0.3);
  };
  const nearest = (event) => {
    const { left, top, width, height } = picture.getBoundingClientRect();
    const away = marks.map(([x, y]) => Math.hypot(left + x * width - event.clientX, top + y * height - event.clientY));
    const position = away.indexOf(Math.min(...away));
    return away[position] <= NEAR ? position : -1;
  };
  const open = () => {
    const key = shown < 0 ? "" : marks[shown][4];
    if (key) location.hash = address("case", key);
  };
  picture.addEventListener("pointermove", (event) => show(nearest(event)));
  picture.addEventListener("pointerleave", () => show(-1));
  picture.addEventListener("click", (event) => {
    show(nearest(event));
    open();
  });
  picture.addEventListener("blur", () => show(-1));
  picture.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step) show((Math.max(shown, step > 0 ? -1 : 0) + step + marks.length) % marks.length);
    else if (event.key === "Escape") show(-1);
    else if (event.key === "Enter") open();
    if (step || (event.key === "Enter" && shown >= 0)) event.preventDefault();
  });
}

document.querySelectorAll(".picture[data-figure]").forEach(answering);
