// Reports impressions: at least half of a title in view, for at least a second, on a visible page.
(() => {
  "use strict";
  const SHARE = 0.5; // of a title in view, and
  const VIEW_MS = 1000; // for how long: the usual definition of a viewable impression
  const GATHER_MS = 1000; // impressions of one second are sent together
  const RETRY_MS = 5000; // after a failure
  const MOST = 40; // in one request
  const WAITING = 300; // a page has 240 titles
  const REPORTED = 5000; // beyond it the oldest are forgotten: an event counts once by its id anyway

  const page = document.querySelector("[data-impressions]");
  const dialog = document.getElementById("dialog");
  const reported = new Set();
  const timers = new Map(); // card in view -> timer
  let waiting = [];
  let timer = 0;

  const later = (ms) => { timer = timer || setTimeout(send, ms); };
  const hidden = () => document.hidden || dialog.open;

  function send() {
    clearTimeout(timer);
    timer = 0;
    const batch = waiting.splice(0, MOST);
    if (!batch.length) return;
    fetch(page.dataset.impressions, { method: "POST", keepalive: true, headers: { "Content-Type": "application/json" }, body: JSON.stringify(batch) })
      .then((answer) => { if (answer.status >= 500 || answer.status === 429) throw new Error(answer.statusText); })
      .catch(() => {
        waiting = [...batch, ...waiting].slice(0, WAITING);
        later(RETRY_MS);
      });
    if (waiting.length) later(GATHER_MS);
  }

  function see(card) {
    if (hidden() || !card.isConnected) return;
    const { list, row, slot, kind, title, art, arm, chance } = card.dataset;
    const one = { list_id: list, row: Number(row), slot: Number(slot), row_kind: kind, title_id: title, artwork: art, arm };
    if (chance) one[art ? "artwork_propensity" : "propensity"] = Number(chance); // of the artwork, or of the place
    const key = JSON.stringify(one);
    if (reported.has(key)) return;
    if (reported.size >= REPORTED) reported.delete(reported.values().next().value);
    reported.add(key);
    waiting.push(one);
    if (waiting.length >= MOST) send(); else later(GATHER_MS);
  }

  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting, intersectionRatio } of entries) {
      clearTimeout(timers.get(target));
      timers.delete(target);
      if (isIntersecting && intersectionRatio >= SHARE && !hidden()) timers.set(target, setTimeout(see, VIEW_MS, target));
    }
  }, { threshold: SHARE });

  // timers start again when cards are replaced, and when the page becomes visible again
  function observe() {
    observer.disconnect();
    timers.forEach(clearTimeout);
    timers.clear();
    page.querySelectorAll("[data-list]").forEach((card) => observer.observe(card));
  }

  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx && event.detail.ctx.target === page) observe();
  });
  document.addEventListener("visibilitychange", () => { if (document.hidden) send(); else observe(); });
  addEventListener("pagehide", send);
  dialog.addEventListener("close", observe);
  // impressions are sent before the events that follow from them
  document.addEventListener("submit", send, true);
  document.addEventListener("click", (event) => { if (event.target.closest(".cover")) send(); }, true);
  observe();
})();
