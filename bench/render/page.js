// What happens when the page is there: tables drawn, links that filter, the sections' list, addresses followed.
document.querySelectorAll(".table").forEach(table);

document.getElementById("more-answers")?.addEventListener("click", (event) => {
  document.querySelector(".answers").classList.add("open");
  event.target.remove();
  document.querySelector(".answers .later a").focus();
});

for (const link of document.querySelectorAll("[data-family]")) {
  link.addEventListener("click", () => {
    document.querySelector("#all .table").dispatchEvent(new CustomEvent("family", { detail: link.dataset.family }));
  });
}

// On a narrow screen a wide figure fits, with small text; its own size is a choice.
const NARROW = 400; // pixels of a figure that fits a phone as it is
for (const figure of document.querySelectorAll("figure")) {
  if (parseFloat(figure.querySelector(".picture")?.style.getPropertyValue("--wide")) <= NARROW) continue;
  const button = make("button", { type: "button", class: "enlarge", "aria-pressed": "false" }, "Enlarge");
  button.addEventListener("click", () => {
    const large = figure.classList.toggle("large");
    button.setAttribute("aria-pressed", String(large));
  });
  figure.append(button);
}

// The menu of a narrow screen closes behind who chose from it.
const menu = document.querySelector(".menu");
menu?.addEventListener("click", (event) => { if (event.target.closest("a")) menu.open = false; });

// The sections' list marks the one that is read: the last that began above a third of the screen.
const places = [...document.querySelectorAll(".sidebar a")].map((link) => [link, document.getElementById(link.getAttribute("href").slice(1))]);
function whereRead() {
  const begun = places.filter(([, section]) => section && section.getBoundingClientRect().top < innerHeight / 3);
  const current = begun[begun.length - 1]?.[0];
  for (const [link] of places) {
    if (link === current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
if (places.length) {
  let waiting = false;
  addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; whereRead(); });
  }, { passive: true });
  whereRead();
}

dialog.querySelector(".close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => history.replaceState(null, "", location.pathname + location.search));
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
addEventListener("hashchange", follow);
follow();
