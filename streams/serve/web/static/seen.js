// Tells what the viewer really saw: half of a title or more, for a second or more, on a page that is in front.
(() => {
  "use strict";
  const SHARE = 0.5; // of a title in view, and
  const LOOK_MS = 1000; // how long: the usual measure of a viewable impression
  const GATHER_MS = 1000; // what is seen within a second travels together
  const AGAIN_MS = 5000; // after a failure
  const MOST = 40; // in one request
  const WAITING = 300; // a page has 240 titles
  const TOLD = 5000; // then those told first are forgotten: the id of an event counts once anyway

  const page = document.querySelector("[data-tell]");
  const dialog = document.getElementById("dialog");
  const told = new Set();
  const looks = new Map(); // card -> timer of the look at it
  let waiting = [];
  let timer = 0;

  const later = (ms) => { timer = timer || setTimeout(send, ms); };
  const hidden = () => document.hidden || dialog.open;

  function send() {
    clearTimeout(timer);
    timer = 0;
    const batch = waiting.splice(0, MOST);
    if (!batch.length) return;
    fetch(page.dataset.tell, { method: "POST", keepalive: true, headers: { "Content-Type": "application/json" }, body: JSON.stringify(batch) })
      .then((answer) => { if (answer.status >= 500 || answer.status === 429) throw new Error(answer.statusText); })
      .catch(() => {
        waiting = [...batch, ...waiting].slice(0, WAITING);
        later(AGAIN_MS);
      });
    if (waiting.length) later(GATHER_MS);
  }

  function see(card) {
    if (hidden() || !card.isConnected) return;
    const { list, row, slot, kind, title, art, arm, chance } = card.dataset;
    const one = { list_id: list, row: Number(row), slot: Number(slot), row_kind: kind, title_id: title, artwork: art, arm };
    if (chance) one[art ? "artwork_propensity" : "propensity"] = Number(chance); // of the picture, or of the place
    const key = JSON.stringify(one);
    if (told.has(key)) return;
    if (told.size >= TOLD) told.delete(told.values().next().value);
    told.add(key);
    waiting.push(one);
    if (waiting.length >= MOST) send(); else later(GATHER_MS);
  }

  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting, intersectionRatio } of entries) {
      clearTimeout(looks.get(target));
      looks.delete(target);
      if (isIntersecting && intersectionRatio >= SHARE && !hidden()) looks.set(target, setTimeout(see, LOOK_MS, target));
    }
  }, { threshold: SHARE });

  // a look begins anew with what is shown, and when something that hid it is gone
  function look() {
    observer.disconnect();
    looks.forEach(clearTimeout);
    looks.clear();
    page.querySelectorAll("[data-list]").forEach((card) => observer.observe(card));
  }

  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx && event.detail.ctx.target === page) look();
  });
  document.addEventListener("visibilitychange", () => { if (document.hidden) send(); else look(); });
  addEventListener("pagehide", send);
  dialog.addEventListener("close", look);
  // what was seen goes before what is done about it
  document.addEventListener("submit", send, true);
  document.addEventListener("click", (event) => { if (event.target.closest(".cover")) send(); }, true);
  look();
})();
