// A panel of a dashboard: asks for all of its queries, and hands what came to its kind.
window.swell = window.swell || {};

(function (swell) {
  "use strict";

  const MOST_POINTS = 1000;
  const UNITS_MS = { ms: 1, s: 1000, m: 60000, h: 3600000, d: 86400000, w: 604800000, y: 31536000000 };

  function made(className, parent) {
    const node = document.createElement("div");
    node.className = className;
    parent.appendChild(node);
    return node;
  }

  function spanMs(text) {
    const found = /^(\d+)(ms|s|m|h|d|w|y)$/.exec(text || "");
    return found ? Number(found[1]) * UNITS_MS[found[2]] : 0;
  }

  class Board {
    constructor(element) {
      this.element = element;
      this.panel = JSON.parse(element.dataset.panel);
      this.plot = made("plot", element);
      this.list = made("legend-box", element);
      this.foot = made("panel-foot", element);
      this.sequence = 0;
      this.chart = null;
      this.drawn = [];
      this.isolated = null;
      this.sort = { key: null, descending: true };
      this.data = null;
      this.view = null;
      element.classList.add("is-empty");
      this.resizing = new ResizeObserver(() => {
        if (this.chart) this.chart.setSize({ width: Math.max(120, this.plot.clientWidth), height: this.heightOf() });
      });
      this.resizing.observe(element);
      // What is not on the screen is asked for once it is.
      this.seeing = new IntersectionObserver((found) => {
        this.isSeen = found[found.length - 1].isIntersecting;
        if (this.isSeen && this.waiting) this.refresh(this.waiting);
      }, { rootMargin: "300px" });
      this.isSeen = false;
      this.seeing.observe(element);
    }

    heightOf() {
      const legend = this.list.childElementCount ? this.list.offsetHeight + 4 : 0;
      const foot = this.foot.textContent ? this.foot.offsetHeight : 0;
      return Math.max(60, this.element.clientHeight - legend - foot);
    }

    async refresh(view) {
      if (!this.isSeen) { this.waiting = view; this.sequence += 1; return; }
      this.waiting = null;
      this.sequence += 1;
      const mine = this.sequence;
      if (this.aborter) this.aborter.abort();
      this.aborter = new AbortController();
      this.element.classList.add("is-loading");
      try {
        const data = await this.load(this.windowOf(view));
        if (mine !== this.sequence) return;
        this.draw(data);
      } catch (error) {
        if (mine === this.sequence && error.name !== "AbortError") this.fail(error);
      } finally {
        if (mine === this.sequence) this.element.classList.remove("is-loading");
      }
    }

    windowOf(view) {
      const span = spanMs(this.panel.span);
      return span ? { ...view, start_ms: view.end_ms - span } : view;
    }

    async load(view) {
      this.view = view;
      const range = view.end_ms - view.start_ms;
      const least = Math.max(spanMs(this.panel.min_step), ...this.panel.queries.map((query) => spanMs(query.min_step)));
      const stepMs = Math.max(swell.stepOf(range, this.plot.clientWidth || 600), least);
      const back = spanMs(this.panel.back);
      const answers = await Promise.all(this.panel.queries.map((query) => this.ask(query, view, stepMs, range, back)));
      const longest = answers.reduce((most, one) => (one.times.length > most.length ? one.times : most), []);
      const series = answers.flatMap((answer, i) => named(answer.series, this.panel.queries[i]));
      const notes = answers.flatMap((one) => [...(one.warnings || []), ...(one.infos || [])]);
      return { times: back ? longest.map((time) => time + back / 1000) : longest, series, notes: Array.from(new Set(notes)) };
    }

    async ask(query, view, stepMs, range, back) {
      const expression = swell.expand(query.expr, {}, stepMs, range);
      const isInstant = query.instant || (query.shape === "table" && this.panel.kind === "table");
      const end = view.end_ms - back;
      const asked = isInstant
        ? { query: expression, time: end / 1000 }
        : {
            query: expression,
            start: (Math.floor((view.start_ms - back) / stepMs) * stepMs) / 1000,
            end: (Math.floor(end / stepMs) * stepMs) / 1000,
            step: stepMs / 1000,
            max_points: MOST_POINTS,
          };
      const answer = await fetch((isInstant ? "/api/v1/query?" : "/api/v1/panel?") + new URLSearchParams(asked), { signal: this.aborter.signal });
      if (!answer.ok) throw await swell.refusal(answer);
      return isInstant ? newest(await answer.json(), end) : swell.decodeFrame(await answer.arrayBuffer());
    }

    draw(data) {
      this.data = data;
      this.clearMessage();
      this.foot.textContent = data.notes.join(" · ");
      this.element.setAttribute("data-series", data.series.length);
      this.element.setAttribute("data-drawn-at", Date.now());
      if (!data.series.length) { this.blank(); return; }
      const draw = swell.kinds[this.panel.kind];
      if (!draw) throw new Error("panels of the kind " + this.panel.kind + " are not drawn here");
      draw(this, this.panel, data);
    }

    // What is no chart: nodes in the place of what was there.
    show(node, count) {
      this.drop();
      if (!count) { this.blank(); return; }
      this.plot.replaceChildren(node);
    }

    note(text) {
      this.foot.textContent = [this.foot.textContent, text].filter(Boolean).join(" · ");
    }

    legend(legend, series) {
      this.element.classList.toggle("legend-right", legend.place === "right");
      if (legend.place === "hidden") { this.list.replaceChildren(); return; }
      this.list.replaceChildren(swell.boardLegend(this, legend, series));
      if (this.chart) this.chart.setSize({ width: Math.max(120, this.plot.clientWidth), height: this.heightOf() });
    }

    isShown(name) { return this.isolated === null || this.isolated === name; }

    isolate(name) {
      this.isolated = this.isolated === name ? null : name;
      this.chart.batch(() => this.drawn.forEach((one, i) => this.chart.setSeries(i + 1, { show: this.isShown(one.name) })));
      this.legend(this.panel.legend, this.drawn);
    }

    recolour() {
      if (!this.data) return;
      this.drop();
      this.draw(this.data);
    }

    drop() {
      if (this.chart) this.chart.destroy();
      this.chart = null;
      this.plot.replaceChildren();
    }

    blank() {
      this.drop();
      this.list.replaceChildren();
      this.element.setAttribute("data-series", "0");
      const title = document.createElement("strong");
      title.textContent = "No data in this range";
      const hint = document.createElement("span");
      this.message([title, hint], false);
      this.explain(hint);
    }

    async explain(hint) {
      const found = await Promise.all(this.panel.queries.map((query) => swell.unknownMetrics(swell.expand(query.expr, {}, 60000, 3600000))));
      const unknown = Array.from(new Set(found.flat()));
      hint.textContent = unknown.length ? "Nobody has sent " + unknown.slice(0, 3).join(", ") + (unknown.length > 3 ? "…" : "") + "." : "No series matches what is chosen.";
    }

    fail(error) {
      const title = document.createElement("strong");
      title.textContent = error.message;
      this.message([title], true);
      this.element.setAttribute("data-failed", error.message);
    }

    message(nodes, isError) {
      this.clearMessage();
      this.box = made(isError ? "failure" : "no-data", this.element);
      if (isError) this.box.setAttribute("role", "alert");
      this.box.append(...nodes);
    }

    clearMessage() {
      this.element.classList.remove("is-empty", "has-failed");
      this.element.removeAttribute("data-failed");
      if (this.box) this.box.remove();
      this.box = null;
    }

    close() {
      this.sequence += 1;
      if (this.aborter) this.aborter.abort();
      this.resizing.disconnect();
      this.seeing.disconnect();
      this.drop();
    }
  }

  function newest(answer, endMs) {
    const { resultType, result } = answer.data;
    const rows = resultType === "scalar" ? [{ metric: {}, value: result }] : resultType === "vector" ? result : [];
    const series = rows.filter((row) => row.value).map((row) => ({ labels: row.metric, values: Float64Array.of(Number(row.value[1])) }));
    return { times: [endMs / 1000], series, warnings: answer.warnings, infos: answer.infos };
  }

  function named(series, query) {
    const shared = query.legend ? {} : swell.sharedLabels(series);
    return series.map((one) => ({ ...one, ref: query.ref, name: swell.seriesName(swell.withoutLabels(one.labels, shared), query.legend) }));
  }

  swell.boardLegend = function (board, legend, series) {
    const table = document.createElement("table");
    table.className = "legend " + (legend.table ? "legend-full" : "legend-compact");
    const titles = { lastNotNull: "last", last: "last", mean: "mean", max: "max", min: "min", sum: "sum" };
    if (legend.table && legend.shows.length) {
      const head = table.createTHead().insertRow();
      head.appendChild(document.createElement("th"));
      for (const by of legend.shows) {
        const th = document.createElement("th");
        th.className = "number";
        th.textContent = titles[by] || by;
        head.appendChild(th);
      }
    }
    const body = table.createTBody();
    for (const one of series) {
      const row = body.insertRow();
      row.className = board.isShown(one.name) ? "" : "is-hidden";
      const button = document.createElement("button");
      button.type = "button";
      button.title = one.name;
      button.addEventListener("click", () => board.isolate(one.name));
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = one.colour;
      const name = document.createElement("span");
      name.className = "series-name";
      name.textContent = one.name;
      button.append(swatch, name);
      row.insertCell().append(button);
      for (const by of legend.shows) {
        const cell = row.insertCell();
        cell.className = "number";
        cell.textContent = (legend.table ? "" : (titles[by] || by) + " ") + swell.valueText(one.style, swell.calculate(by, one.values));
      }
    }
    return table;
  };

  swell.Board = Board;
})(window.swell);
