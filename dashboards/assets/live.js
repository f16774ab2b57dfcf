// Ties panels to the page: the window of time, the URL, the theme, the keyboard.
window.swell = window.swell || {};

(function (swell) {
  "use strict";

  const KEPT_QUERIES = 20;
  const SOON_MS = 2000;
  let current = null;
  let zoomed = 0;
  let waiting = false;
  let soon = 0;

  function go(changes) {
    const pairs = new URLSearchParams(window.location.search);
    for (const [key, value] of Object.entries(changes)) pairs.set(key, value);
    const text = pairs.toString().replaceAll("+", "%20");
    window.dash_clientside.set_props("url", { search: "?" + text });
  }

  swell.zoom = function (fromMs, toMs) {
    zoomed += 1;
    go({ from: fromMs, to: toMs });
  };

  swell.unzoom = function () {
    if (zoomed > 0) {
      zoomed -= 1;
      window.history.back();
      return;
    }
    if (!current) return;
    const half = Math.round((current.end_ms - current.start_ms) / 2);
    go({ from: current.start_ms - half, to: current.end_ms + half });
  };

  function status() {
    const box = document.getElementById("status");
    if (!box || !current) return;
    const at = swell.formatTime(Date.now()).slice(11);
    box.textContent = current.error || (current.live ? "Live · " + at : "Paused · " + at);
  }

  async function refreshAll(isWanted = () => true) {
    if (!current || current.error) { status(); return; }
    await Promise.all(swell.panels().filter(isWanted).map((panel) => panel.refresh(current)));
    status();
    askSoon();
  }

  // A Swell that has just started has nothing to show: it is asked again before the interval is over.
  function askSoon() {
    clearTimeout(soon);
    const nothing = document.querySelector("#nodes .empty")
      || document.querySelector('.panel-grid .panel-canvas[data-series="0"]');
    if (!nothing || !current.live || document.hidden) return;
    soon = setTimeout(() => window.dash_clientside.set_props("tick", { n_intervals: Date.now() }), SOON_MS);
  }

  // Panels appear when Dash mounts a page; they are drawn in the window that is current then.
  function watch() {
    new MutationObserver((changes) => {
      const added = changes.some((change) => Array.from(change.addedNodes).some(
        (node) => node.nodeType === 1 && (node.matches(".panel-canvas") || node.querySelector(".panel-canvas"))));
      if (!added || waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; refreshAll((panel) => panel.sequence === 0); });
    }).observe(document.body, { childList: true, subtree: true });

    new MutationObserver(() => swell.panels().forEach((panel) => panel.recolour())).observe(
      document.documentElement, { attributes: true, attributeFilter: ["data-mantine-color-scheme"] });

    document.addEventListener("visibilitychange", () => { if (!document.hidden) refreshAll(); });

    document.addEventListener("keydown", (event) => {
      if (event.target.id !== "query" || event.key !== "Enter" || !(event.shiftKey || event.ctrlKey)) return;
      event.preventDefault();
      document.getElementById("run").click();
    });
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    swell: {
      refresh(view) {
        if (!view) return window.dash_clientside.no_update;
        current = view;
        if (!document.hidden) refreshAll();
        return Date.now();
      },

      title() {
        requestAnimationFrame(() => {
          const link = document.querySelector(".nav-link.is-current");
          document.title = link ? link.textContent + " · Swell" : "Swell";
        });
      },

      applyRange(_clicks, _from, _to, from, to) {
        const asked = window.dash_clientside.callback_context.triggered.some((one) => one.value);
        if (asked) go({ from, to });
        return window.dash_clientside.no_update;
      },

      // A variable's new value goes to the URL; a choice of All and others means what was chosen last.
      choose(values, ids) {
        const pairs = new URLSearchParams(window.location.search);
        const before = pairs.toString();
        const changed = new Set(window.dash_clientside.callback_context.triggered.map((one) => one.prop_id));
        ids.forEach((id, i) => {
          const prop = JSON.stringify(id, Object.keys(id).sort()) + ".value";
          if (!changed.has(prop)) return;
          let chosen = Array.isArray(values[i]) ? values[i] : [values[i] ?? ""];
          if (chosen.length > 1) chosen = chosen[chosen.length - 1] === "$__all" ? ["$__all"] : chosen.filter((one) => one !== "$__all");
          pairs.delete("var-" + id.name);
          for (const one of chosen.length ? chosen : [""]) pairs.append("var-" + id.name, one);
        });
        if (changed.size === 1 && pairs.toString() !== before) {
          window.dash_clientside.set_props("url", { search: "?" + pairs.toString().replaceAll("+", "%20") });
        }
        return ids.map(() => window.dash_clientside.no_update);
      },

      // The box itself is read: what was typed last reaches Dash's state a moment later.
      run(_clicks, history) {
        const text = document.getElementById("query").value.trim();
        if (!text) return window.dash_clientside.no_update;
        if (new URLSearchParams(window.location.search).get("q") === text) refreshAll();
        else go({ q: text });
        return [text, ...(history || []).filter((one) => one !== text)].slice(0, KEPT_QUERIES);
      },
    },
  });

  if (document.body) watch();
  else document.addEventListener("DOMContentLoaded", watch);
})(window.swell);
