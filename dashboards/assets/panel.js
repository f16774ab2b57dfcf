// A panel: asks the API for a frame, keeps what it drew while it asks again, and shows errors in its place.
window.swell = window.swell || {};

(function (swell) {
  "use strict";

  const MOST_SERIES = 50;
  const MOST_POINTS = 1000;
  const STEPS_S = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  const PASS_S = 15;

  function part(className, parent) {
    const made = document.createElement("div");
    made.className = className;
    parent.appendChild(made);
    return made;
  }

  // A step for a range and a width in pixels: at most four points every seven pixels and 600 in all.
  swell.stepOf = function (rangeMs, width) {
    const points = Math.max(60, Math.min(600, Math.floor(width / 1.75)));
    const least = rangeMs / 1000 / points;
    return (STEPS_S.find((step) => step >= least) || Math.ceil(least / 86400) * 86400) * 1000;
  };

  // Puts in what follows from the range and the step, as $__interval or ${__interval}, then the variables.
  swell.expand = function (query, variables, stepMs, rangeMs) {
    const windowS = Math.max(4 * PASS_S, stepMs / 1000 + PASS_S);
    const rangeS = Math.max(1, Math.round((rangeMs || stepMs) / 1000));
    const known = {
      __rate_interval: windowS + "s",
      __rate_interval_ms: windowS * 1000,
      __interval: stepMs / 1000 + "s",
      __interval_ms: stepMs,
      __range: rangeS + "s",
      __range_s: rangeS,
      __range_ms: rangeS * 1000,
    };
    let text = query.replace(/\$(?:\{(__\w+)\}|(__\w+))/g, (all, braced, plain) => known[braced || plain] ?? all);
    for (const [name, value] of Object.entries(variables || {})) text = text.replaceAll(name, value);
    return text;
  };

  class Panel {
    constructor(element) {
      this.element = element;
      this.plot = part("plot", element);
      this.foot = part("panel-foot", element);
      this.list = part("legend-box", element);
      this.chart = null;
      this.drawn = [];
      this.isolated = null;
      this.sort = { key: null, descending: true };
      this.sequence = 0;
      this.frame = null;
      this.view = null;
      this.plot.dataset.unit = element.dataset.unit;
      this.plot.dataset.most = element.dataset.most;
      this.plot.dataset.table = element.dataset.table;
      element.classList.add("is-empty");
      this.resizing = new ResizeObserver(() => this.chart && this.chart.resize());
      this.resizing.observe(this.plot);
    }

    async refresh(view) {
      const template = this.element.dataset.query || view.query;
      if (!template.trim()) return;
      this.sequence += 1;
      const mine = this.sequence;
      if (this.aborter) this.aborter.abort();
      this.aborter = new AbortController();
      const range = view.end_ms - view.start_ms;
      const stepMs = swell.stepOf(range, this.plot.clientWidth || 600);
      const query = swell.expand(template, view.variables, stepMs, range);
      this.element.classList.add("is-loading");
      try {
        const frame = await this.ask(query, view, stepMs);
        if (mine !== this.sequence) return;
        this.view = view;
        if (!this.element.dataset.query) this.measureIn(swell.unitOf(query));
        await this.draw(frame);
      } catch (error) {
        if (mine === this.sequence && error.name !== "AbortError") this.fail(error, query);
      } finally {
        if (mine === this.sequence) this.element.classList.remove("is-loading");
      }
    }

    // A query of one's own says by its metric's name what it measures.
    measureIn(unit) {
      if (this.element.dataset.unit === unit) return;
      this.element.dataset.unit = unit;
      this.plot.dataset.unit = unit;
      this.drop();
    }

    async ask(query, view, stepMs) {
      const start = Math.floor(view.start_ms / stepMs) * stepMs;
      const end = Math.max(start, Math.floor(view.end_ms / stepMs) * stepMs);
      const body = new URLSearchParams({
        query,
        start: start / 1000,
        end: end / 1000,
        step: stepMs / 1000,
        max_points: MOST_POINTS,
      });
      const answer = await fetch("/api/v1/panel?" + body, { signal: this.aborter.signal });
      if (!answer.ok) throw await refusal(answer);
      return swell.decodeFrame(await answer.arrayBuffer());
    }

    async draw(frame) {
      this.frame = frame;
      const template = this.element.dataset.legend;
      this.shared = template ? {} : swell.sharedLabels(frame.series);
      const ranked = frame.series.map((one, i) => ({
        ...one,
        name: swell.seriesName(swell.withoutLabels(one.labels, this.shared), template),
        title: swell.seriesName(one.labels, ""),
        colour: swell.colour(i),
        stats: swell.statistics(one.values),
      }));
      const left = ranked.length - MOST_SERIES;
      if (left > 0) ranked.sort((a, b) => (b.stats.max || 0) - (a.stats.max || 0)).length = MOST_SERIES;
      const before = this.drawn;
      this.drawn = ranked;
      if (!ranked.length) { this.blank(); return; }
      this.clearMessage();
      const same = before.length === ranked.length && before.every((one, i) => one.name === ranked[i].name);
      const Chart = await swell.chartClass();
      if (this.chart && same) this.chart.update(frame, ranked);
      else this.rebuild(Chart);
      this.note(left);
      this.list.replaceChildren(swell.legend(this));
      this.element.setAttribute("data-series", ranked.length);
      this.element.setAttribute("data-drawn-at", Date.now());
    }

    rebuild(Chart) {
      this.drop();
      if (!this.drawn.some((one) => one.name === this.isolated)) this.isolated = null;
      this.chart = new Chart(this.plot, this.frame, this.drawn, {
        isShown: (name) => this.isShown(name),
        span: () => this.view && [this.view.start_ms / 1000, this.view.end_ms / 1000],
        zoom: (from, to) => swell.zoom(from, to),
        unzoom: () => swell.unzoom(),
      });
    }

    async recolour() {
      if (!this.frame || !this.drawn.length) return;
      this.drop();
      await this.draw(this.frame);
    }

    drop() {
      if (this.chart) this.chart.destroy();
      this.chart = null;
      this.plot.replaceChildren();
    }

    close() {
      this.sequence += 1;
      if (this.aborter) this.aborter.abort();
      this.resizing.disconnect();
      this.drop();
    }

    isShown(name) { return this.isolated === null || this.isolated === name; }

    isolate(name) {
      this.isolated = this.isolated === name ? null : name;
      this.chart.show(this.drawn, (one) => this.isShown(one));
      this.list.replaceChildren(swell.legend(this));
    }

    sortBy(key) {
      this.sort = { key, descending: this.sort.key === key ? !this.sort.descending : true };
      this.list.replaceChildren(swell.legend(this));
    }

    note(left) {
      const { stats, stepMs, warnings, infos } = this.frame;
      const parts = [];
      if (Object.keys(this.shared).length) parts.push("all: " + swell.seriesName(this.shared, ""));
      if (left > 0) parts.push("+" + left + " more series are not drawn");
      if (this.element.dataset.table) {
        parts.push(this.drawn.length + Math.max(0, left) + " series", "step " + swell.format(stepMs / 1000, "seconds"));
        if (stats && stats.samples) parts.push(swell.format(stats.samples) + " samples read");
        if (stats && stats.eval_ms !== undefined) parts.push(swell.format((stats.fetch_ms + stats.eval_ms) / 1000, "seconds"));
      }
      this.foot.textContent = [...parts, ...(warnings || []), ...(infos || [])].join(" · ");
    }

    message(node, isError) {
      this.clearMessage();
      this.box = part(isError ? "failure" : "no-data", this.element);
      if (isError) this.box.setAttribute("role", "alert");
      this.box.append(...node);
    }

    clearMessage() {
      this.element.classList.remove("is-empty", "has-failed");
      if (this.box) this.box.remove();
      this.box = null;
    }

    blank() {
      this.drop();
      this.list.replaceChildren();
      this.foot.textContent = "";
      const title = document.createElement("strong");
      title.textContent = "No data in this range";
      const hint = document.createElement("span");
      hint.textContent = this.element.dataset.table
        ? "The query is valid but no series matches. Check metric and label names, or widen the range."
        : "The metric is not collected, or not yet.";
      this.message([title, hint], false);
      this.element.setAttribute("data-series", "0");
      if (this.element.dataset.table && this.view) this.explain(hint, this.view.query);
    }

    async explain(hint, query) {
      const unknown = await swell.unknownMetrics(query);
      if (unknown.length) hint.textContent = "Nobody has sent a metric named " + unknown.join(", ") + ".";
    }

    fail(error, query) {
      const title = document.createElement("strong");
      title.textContent = error.message;
      const parts = [title];
      const place = swell.placeOf(error.message, query);
      if (place !== null) parts.push(swell.marked(query, place));
      this.message(parts, true);
      this.element.classList.toggle("has-failed", this.chart === null);
    }
  }

  swell.refusal = refusal;

  async function refusal(answer) {
    try {
      return new Error((await answer.json()).error.replace(/^invalid parameter "query": /, ""));
    } catch {
      return new Error("the server answered " + answer.status + " " + answer.statusText);
    }
  }

  // The offset of the "line:column" (from 1) that a parse error starts with; null when it names none.
  swell.placeOf = function (message, query) {
    const found = /(?:^|\s)(\d+):(\d+):/.exec(message);
    if (!found) return null;
    const lines = query.split("\n");
    const before = lines.slice(0, Number(found[1]) - 1).reduce((sum, line) => sum + line.length + 1, 0);
    return Math.min(query.length, before + Number(found[2]) - 1);
  };

  swell.marked = function (query, place) {
    const box = document.createElement("pre");
    box.className = "marked";
    const spot = document.createElement("mark");
    // A place on a blank or after the end is where the parser stopped: the character before it is marked.
    const at = place > 0 && !(query[place] || "").trim() ? place - 1 : place;
    spot.textContent = query[at] || " ";
    box.append(query.slice(0, at), spot, query.slice(at + 1));
    return box;
  };

  const panels = new Map();

  swell.panelOf = function (element) {
    if (!panels.has(element)) panels.set(element, element.dataset.panel ? new swell.Board(element) : new Panel(element));
    return panels.get(element);
  };

  swell.draw = (element, frame) => swell.panelOf(element).draw(frame);

  // Every panel that stands on the page; those whose element is gone are closed.
  swell.panels = function () {
    for (const [element, panel] of panels) {
      if (element.isConnected) continue;
      panel.close();
      panels.delete(element);
    }
    return Array.from(document.querySelectorAll(".panel-canvas"), swell.panelOf);
  };
})(window.swell);
