// In addition to HTML and htmx: scrolling strips, a dialog, a theme, and how fresh the new page is.
(() => {
  "use strict";
  const root = document.documentElement;
  const saved = localStorage.getItem("theme");
  if (saved) root.dataset.theme = saved;

  let acted = null; // the viewer's last event: its place on the topic, and the time of its record
  let paused = false; // live refresh is on hold
  let before = new Set();
  const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const cards = () => new Set([...document.querySelectorAll("#rows .card")].map((card) => card.dataset.title));
  const live = () => document.getElementById("live-button");

  document.addEventListener("click", (event) => {
    const turn = event.target.closest("[data-turn]");
    if (turn) {
      const strip = turn.parentElement.querySelector(".strip");
      strip.scrollBy({ left: Number(turn.dataset.turn) * strip.clientWidth * 0.85, behavior: still() ? "auto" : "smooth" });
    }
    if (event.target.closest("[data-theme-button]")) {
      const dark = getComputedStyle(root).colorScheme === "dark" || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
      root.dataset.theme = dark ? "light" : "dark";
      localStorage.setItem("theme", root.dataset.theme);
    }
    if (event.target.closest("[data-live]")) {
      paused = !paused;
      live().setAttribute("aria-pressed", String(!paused));
      live().querySelector(".text").textContent = paused ? "on hold" : "live";
      if (!paused) document.body.dispatchEvent(new Event("resume"));
    }
    const dialog = event.target.closest("dialog");
    if (event.target.closest("[data-close]") || event.target === dialog) dialog.close();
  });

  // arrow keys move the focus along a strip of cards
  document.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
    const cover = event.target.closest(".strip .cover");
    if (!cover) return;
    const item = cover.closest("li");
    const next = event.key === "ArrowRight" ? item.nextElementSibling : item.previousElementSibling;
    const wanted = next && next.querySelector(".cover");
    if (wanted) {
      event.preventDefault();
      wanted.focus();
    }
  });

  // Once the page that the viewer's last event caused is shown: the time from the event's record to the page's.
  // That is the worker's freshness without its commit; a page that another event caused is not that page.
  const showFreshness = () => {
    const rows = document.getElementById("rows");
    const text = live() && live().querySelector(".text");
    if (!text || !rows || !acted) return; // the console has toasts, too, and no page
    const shown = rows.dataset;
    if (shown.partition !== acted.partition || Number(shown.offset) < Number(acted.offset)) return;
    text.textContent = `page changed in ${Math.max(0, Number(shown.made) - Number(acted.at))} ms`;
    live().classList.add("moved");
    setTimeout(() => { text.textContent = paused ? "on hold" : "live"; live().classList.remove("moved"); }, 4000);
    acted = null;
  };

  // the page is refreshed unless it is on hold
  document.addEventListener("htmx:before:request", (event) => {
    const source = event.detail.ctx && event.detail.ctx.sourceElement;
    if (source && source.id === "page") {
      if (paused) event.preventDefault();
      before = cards();
    }
  });

  document.addEventListener("htmx:after:swap", (event) => {
    const target = event.detail.ctx && event.detail.ctx.target;
    if (!target) return;
    if (target.id === "detail") {
      const dialog = document.getElementById("dialog");
      if (!dialog.open) dialog.showModal();
      dialog.scrollTop = 0;
    }
    if (target.id === "toasts") {
      const toast = target.firstElementChild;
      if (toast && toast.dataset.at) acted = { ...toast.dataset };
      showFreshness();
      while (target.children.length > 3) target.lastElementChild.remove();
    }
    if (target.id === "page") {
      for (const card of target.querySelectorAll(".card")) card.classList.toggle("fresh", before.size > 0 && !before.has(card.dataset.title));
      showFreshness();
    }
  });
})();
