// The kinds of panels beside time series: numbers, gauges, tables, heatmaps, pies and states.
window.swell = window.swell || {};

(function (swell) {
  "use strict";

  const MOST_ROWS = 500;
  const kinds = (swell.kinds = swell.kinds || {});

  function made(tag, className, text) {
    const node = document.createElement(tag);
    node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function drawing(tag, attributes) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  }

  // One number a series, with what it looks like.
  function numbers(panel, data) {
    const found = data.series.map((one, i) => {
      const style = swell.styleOf(panel, one.name, one.ref);
      const value = swell.calculate(panel.reduce.by, one.values);
      return { name: style.name || one.name, ref: one.ref, style, value, values: one.values, colour: swell.colour(i) };
    });
    const shown = found.filter((one) => one.style.shown !== false);
    return shown.map((one) => ({ ...one, paint: swell.valueColour(one.style, one.value, shown.map((other) => other.value)) || one.colour }));
  }

  function sparkline(values, colour) {
    const known = Array.from(values).map((value, i) => [i, value]).filter(([, value]) => !Number.isNaN(value));
    const svg = drawing("svg", { viewBox: "0 0 100 30", preserveAspectRatio: "none", class: "stat-spark", "aria-hidden": "true" });
    if (known.length < 2) return svg;
    const low = Math.min(...known.map(([, value]) => value));
    const high = Math.max(...known.map(([, value]) => value));
    const x = (i) => (100 * i) / (values.length - 1);
    const y = (value) => 28 - (26 * (value - low)) / (high - low || 1);
    const line = known.map(([i, value]) => x(i).toFixed(2) + "," + y(value).toFixed(2)).join(" ");
    svg.append(
      drawing("polygon", { points: x(known[0][0]) + ",30 " + line + " " + x(known[known.length - 1][0]) + ",30", fill: colour, opacity: "0.18" }),
      drawing("polyline", { points: line, fill: "none", stroke: colour, "stroke-width": "1.5", "vector-effect": "non-scaling-stroke" }));
    return svg;
  }

  kinds.stat = function (board, panel, data) {
    const found = numbers(panel, data);
    const names = panel.look.shows === "value_and_name" || panel.look.shows === "name" || (panel.look.shows === "auto" && found.length > 1);
    const box = made("div", "stats");
    for (const one of found) {
      const tile = made("div", "stat");
      if (panel.look.color === "background") tile.style.background = one.paint;
      if (panel.look.color === "background") tile.classList.add("is-filled");
      if (names) tile.append(made("span", "stat-name", one.name));
      if (panel.look.shows !== "name" && panel.look.shows !== "none") {
        const value = made("span", "stat-value", swell.valueText(one.style, one.value));
        value.style.setProperty("--letters", Math.max(3, value.textContent.length));
        if (panel.look.color === "value") value.style.color = one.paint;
        tile.append(value);
      }
      if (panel.look.graph === "area" && one.values.length > 1) tile.append(sparkline(one.values, one.paint));
      box.append(tile);
    }
    board.show(box, found.length);
  };

  function arc(from, to, radius) {
    const point = (share) => {
      const angle = Math.PI * (1.25 * share - 1.125);
      return (50 + radius * Math.cos(angle)).toFixed(2) + " " + (52 + radius * Math.sin(angle)).toFixed(2);
    };
    return "M" + point(from) + "A" + radius + " " + radius + " 0 " + (to - from > 0.8 ? 1 : 0) + " 1 " + point(to);
  }

  function gauge(one, panel) {
    const [low, high] = swell.boundsOf(one.style, [one.value]);
    const share = Math.max(0, Math.min(1, (one.value - low) / (high - low || 1)));
    const svg = drawing("svg", { viewBox: "0 0 100 82", class: "gauge-arc", "aria-hidden": "true" });
    svg.append(drawing("path", { d: arc(0, 1, 40), class: "gauge-ground" }));
    if (share > 0.002) svg.append(drawing("path", { d: arc(0, share, 40), class: "gauge-value", stroke: one.paint }));
    const steps = one.style.thresholds || [];
    if (panel.look.markers) {
      steps.forEach((step, i) => {
        const at = (value) => Math.max(0, Math.min(1, ((one.style.thresholds_in_percent ? low + ((high - low) * value) / 100 : value) - low) / (high - low || 1)));
        const from = step.value === null ? 0 : at(step.value);
        const to = steps[i + 1] ? at(steps[i + 1].value) : 1;
        if (to > from) svg.append(drawing("path", { d: arc(from, to, 47), class: "gauge-limit", stroke: swell.paint(step.color) }));
      });
    }
    const tile = made("div", "gauge");
    const value = made("span", "gauge-text", swell.valueText(one.style, one.value));
    value.style.color = one.paint;
    tile.append(svg, value);
    return tile;
  }

  kinds.gauge = function (board, panel, data) {
    const found = numbers(panel, data);
    const box = made("div", "gauges");
    for (const one of found) {
      const tile = gauge(one, panel);
      if (found.length > 1) tile.append(made("span", "stat-name", one.name));
      box.append(tile);
    }
    board.show(box, found.length);
  };

  function barRow(one, low, high) {
    const row = made("div", "bar-row");
    const bar = made("span", "bar bar-wide");
    const fill = made("span", "bar-fill");
    fill.style.width = Math.max(0, Math.min(100, (100 * (one.value - low)) / (high - low || 1))) + "%";
    fill.style.background = one.paint;
    bar.append(fill);
    const value = made("span", "bar-value", swell.valueText(one.style, one.value));
    value.style.color = one.paint;
    row.append(made("span", "bar-name", one.name), bar, value);
    return row;
  }

  kinds.bargauge = function (board, panel, data) {
    const found = numbers(panel, data);
    const [low, high] = swell.boundsOf(panel.style, found.map((one) => one.value));
    const box = made("div", "bars");
    box.append(...found.slice(0, MOST_ROWS).map((one) => barRow(one, low, high)));
    board.show(box, found.length);
  };

  kinds.bar = kinds.bargauge;

  kinds.histogram = function (board, panel, data) {
    const values = data.series.flatMap((one) => Array.from(one.values)).filter((value) => Number.isFinite(value));
    if (!values.length) { board.blank(); return; }
    const low = values.reduce((a, b) => Math.min(a, b));
    const high = values.reduce((a, b) => Math.max(a, b));
    const count = Math.min(30, Math.max(5, Math.ceil(Math.sqrt(values.length))));
    const counts = new Array(count).fill(0);
    for (const value of values) counts[Math.min(count - 1, Math.floor((count * (value - low)) / (high - low || 1)))] += 1;
    const most = Math.max(...counts);
    const box = made("div", "histogram");
    counts.forEach((number, i) => {
      const bar = made("span", "histogram-bar");
      bar.style.height = (100 * number) / most + "%";
      bar.title = swell.valueText(panel.style, low + ((high - low) * i) / count) + ": " + number;
      box.append(bar);
    });
    const foot = made("div", "histogram-foot");
    foot.append(made("span", "", swell.valueText(panel.style, low)), made("span", "", swell.valueText(panel.style, high)));
    const whole = made("div", "histogram-box");
    whole.append(box, foot);
    board.show(whole, data.series.length);
  };

  kinds.pie = function (board, panel, data) {
    const found = numbers(panel, data).filter((one) => one.value > 0);
    const whole = found.reduce((sum, one) => sum + one.value, 0);
    let at = 0;
    const parts = found.map((one) => {
      const from = at;
      at += (100 * one.value) / whole;
      const colour = one.style.color ? swell.paint(one.style.color) : one.colour;
      return { ...one, colour, part: colour + " " + from + "% " + at + "%" };
    });
    const box = made("div", "pie-box");
    const pie = made("div", "pie" + (panel.look.donut ? " is-donut" : ""));
    pie.style.background = "conic-gradient(" + parts.map((one) => one.part).join(",") + ")";
    const list = made("ul", "pie-list");
    for (const one of parts.slice(0, MOST_ROWS)) {
      const row = made("li", "");
      const swatch = made("span", "swatch");
      swatch.style.background = one.colour;
      row.append(swatch, made("span", "series-name", one.name), made("span", "number", swell.valueText(one.style, one.value)), made("span", "muted", Math.round((100 * one.value) / whole) + " %"));
      list.append(row);
    }
    box.append(pie, list);
    board.show(box, found.length);
  };

  function cell(style, value, values) {
    const node = made("td", typeof value === "number" ? "number" : "", swell.valueText(style, value));
    const colour = typeof value === "number" || swell.textOf(style, value) ? swell.valueColour(style, value, values) : null;
    if (style.cell === "background" && colour) { node.style.background = colour; node.classList.add("is-filled"); }
    if (style.cell === "color" && colour) node.style.color = colour;
    if (style.cell === "gauge" && typeof value === "number") {
      const [low, high] = swell.boundsOf(style, values);
      node.replaceChildren(barRow({ name: "", value, style, paint: colour || "var(--swell-accent)" }, low, high));
    }
    const link = (style.links || [])[0];
    if (link && /^(https?:\/\/|\/)/.test(link.url)) {
      const anchor = made("a", "node-link", node.textContent);
      anchor.href = link.url.replaceAll("${__value.raw}", encodeURIComponent(value)).replaceAll("${__value.text}", encodeURIComponent(node.textContent));
      node.replaceChildren(anchor);
    }
    return node;
  }

  kinds.table = function (board, panel, data) {
    const table = swell.transformed(swell.tablesOf(data, panel.queries), panel.steps);
    const styles = new Map(table.fields.map((name) => [name, swell.styleOf(panel, name, "")]));
    const fields = table.fields.filter((name) => styles.get(name).shown !== false && !(name === "Time" && !panel.steps.length));
    const sort = board.sort.key ? board.sort : { key: panel.look.sort, descending: panel.look.descending };
    const rows = sort.key ? swell.sortRows(table.rows, sort.key, sort.descending) : table.rows;
    const node = made("table", "table");
    const head = made("tr", "");
    for (const name of fields) {
      const th = made("th", table.rows.some((row) => typeof row[name] === "number") ? "number" : "");
      th.scope = "col";
      const button = made("button", "sort", (styles.get(name).name || name) + (sort.key === name ? (sort.descending ? " ↓" : " ↑") : ""));
      button.addEventListener("click", () => { board.sort = { key: name, descending: sort.key === name ? !sort.descending : true }; kinds.table(board, panel, data); });
      th.append(button);
      head.append(th);
    }
    const columns = new Map(fields.map((name) => [name, table.rows.map((row) => row[name]).filter((value) => typeof value === "number")]));
    const body = made("tbody", "");
    for (const row of rows.slice(0, MOST_ROWS)) {
      const tr = made("tr", "");
      for (const name of fields) {
        const style = name === "Time" ? { unit: "time", ...styles.get(name) } : styles.get(name);
        tr.append(row[name] === undefined ? made("td", "", "") : cell(style, row[name], columns.get(name)));
      }
      body.append(tr);
    }
    const thead = made("thead", "");
    thead.append(head);
    node.append(thead, body);
    const box = made("div", "scroll board-scroll");
    box.append(node);
    board.show(box, table.rows.length);
    if (rows.length > MOST_ROWS) board.note("+" + (rows.length - MOST_ROWS) + " more rows are not shown");
  };

  function bound(labels) {
    return labels.le === "+Inf" ? Infinity : Number(labels.le);
  }

  kinds.heatmap = function (board, panel, data) {
    const isBuckets = data.series.some((one) => one.labels.le !== undefined);
    const rows = isBuckets ? [...data.series].sort((a, b) => bound(a.labels) - bound(b.labels)) : data.series;
    if (!rows.length) { board.blank(); return; }
    const cells = rows.map((one, i) => Array.from(one.values, (value, k) => (isBuckets && i ? Math.max(0, value - (rows[i - 1].values[k] || 0)) : value)));
    const most = Math.max(...cells.map((row) => row.reduce((a, b) => (b > a ? b : a), 0)), 1e-12);
    const canvas = made("canvas", "heat");
    canvas.width = cells[0].length;
    canvas.height = cells.length;
    const context = canvas.getContext("2d");
    cells.forEach((row, i) => row.forEach((value, k) => {
      if (!(value > 0)) return;
      context.fillStyle = swell.scaleColour("BlYlRd", Math.sqrt(value / most));
      context.fillRect(k, cells.length - 1 - i, 1, 1);
    }));
    const names = made("div", "heat-names");
    const every = Math.max(1, Math.ceil(rows.length / 8));
    rows.forEach((one, i) => { if (i % every === 0) names.prepend(made("span", "", isBuckets ? swell.format(bound(one.labels), panel.style.unit) : one.name)); });
    const tip = made("div", "heat-tip muted");
    canvas.addEventListener("mousemove", (event) => {
      const k = Math.min(cells[0].length - 1, Math.floor((cells[0].length * event.offsetX) / canvas.clientWidth));
      const i = Math.min(cells.length - 1, Math.floor(cells.length * (1 - event.offsetY / canvas.clientHeight)));
      if (i >= 0) tip.textContent = swell.formatTime(data.times[k] * 1000) + " · " + rows[i].name + " · " + swell.format(cells[i][k]);
    });
    const box = made("div", "heat-box");
    box.append(names, canvas);
    const whole = made("div", "heat-whole");
    whole.append(box, tip);
    board.show(whole, rows.length);
  };

  kinds["state-timeline"] = function (board, panel, data) {
    const box = made("div", "states");
    const last = data.times.length - 1;
    for (const [i, one] of data.series.slice(0, MOST_ROWS).entries()) {
      const style = swell.styleOf(panel, one.name, one.ref);
      const row = made("div", "state-row");
      const line = made("div", "state-line");
      let from = 0;
      for (let k = 1; k <= last + 1; k += 1) {
        const isSame = k <= last && (one.values[k] === one.values[from] || (Number.isNaN(one.values[k]) && Number.isNaN(one.values[from])));
        if (isSame) continue;
        const value = one.values[from];
        const part = made("span", "state", Number.isNaN(value) ? "" : swell.valueText(style, value));
        part.style.flexGrow = k - from;
        if (!Number.isNaN(value)) part.style.background = swell.valueColour(style, value) || swell.colour(i);
        part.title = swell.formatTime(data.times[from] * 1000) + " " + part.textContent;
        line.append(part);
        from = k;
      }
      row.append(made("span", "bar-name", style.name || one.name), line);
      box.append(row);
    }
    board.show(box, data.series.length);
  };
})(window.swell);
