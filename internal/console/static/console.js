// Keeps an open page up to date: when the relay says that something changed, the page is fetched anew, and the parts marked data-live
// are put in. Without it every page works the same, by its Refresh link.
(() => {
  "use strict";
  const url = document.body.dataset.liveUrl;
  const button = document.getElementById("live-toggle");
  const status = document.getElementById("live-status");
  if (!url || !button || !window.EventSource) return;
  const remembered = "beckon-live-paused";
  let source = null, busy = false, again = false;

  const paused = () => localStorage.getItem(remembered) === "yes";
  const say = (text) => { if (status.textContent !== text) status.textContent = text; };

  // What somebody is at is left alone: a part with the focus in a field, or with a box ticked.
  const inUse = (part) => {
    const at = document.activeElement;
    return part.querySelector("input:checked") || (part.contains(at) && at.matches("input:not([type=checkbox]), select, textarea"));
  };

  // What finds in a fresh part what has the focus in the old one, so that nobody is thrown back to the top.
  const sameAs = (at) => {
    if (at.id) return "#" + CSS.escape(at.id);
    const names = ["href", "name", "value", "tabindex"].filter((name) => at.hasAttribute(name));
    return at.localName + names.map((name) => `[${name}="${CSS.escape(at.getAttribute(name))}"]`).join("");
  };

  const put = (fresh) => {
    for (const part of document.querySelectorAll("[data-live]")) {
      const id = part.getAttribute("id"); // a form's .id would be its field of that name
      const next = id && fresh.getElementById(id);
      if (!next || part.isEqualNode(next) || inUse(part)) continue;
      for (const open of part.querySelectorAll("details[open][id]")) {
        const same = next.querySelector("#" + CSS.escape(open.id));
        if (same) same.open = true;
      }
      const focused = part.contains(document.activeElement) && sameAs(document.activeElement);
      part.replaceWith(document.adoptNode(next));
      if (focused) next.querySelector(focused)?.focus({ preventScroll: true });
    }
  };

  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected && answer.url.includes("/login")) { location.reload(); return; }
      if (answer.ok) put(new DOMParser().parseFromString(await answer.text(), "text/html"));
      else say("The last update failed; what you see is older.");
    } catch { say("The relay cannot be reached; trying again."); }
    busy = false;
    if (again) { again = false; refresh(); }
  };

  const start = () => {
    source = new EventSource(url);
    source.onopen = () => say("Live");
    source.addEventListener("changed", refresh);
    source.onerror = () => {
      say("Not connected; trying again.");
      if (source && source.readyState === EventSource.CLOSED) { stop(); setTimeout(() => { if (!paused() && !source) start(); }, 10000); }
    };
  };
  const stop = () => { if (source) source.close(); source = null; };
  const draw = () => {
    button.hidden = false;
    button.textContent = paused() ? "Resume live updates" : "Pause live updates";
    if (paused()) { stop(); say("Live updates are paused."); } else if (!source) start();
  };
  button.addEventListener("click", () => {
    localStorage.setItem(remembered, paused() ? "no" : "yes");
    if (!paused()) refresh();
    draw();
  });
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", (e) => { if (e.persisted) draw(); });
  draw();
})();
