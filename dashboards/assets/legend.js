// The table under a chart: a row a series, sortable by its statistics; a click isolates.
window.swell = window.swell || {};

(function (swell) {
  "use strict";

  const STATISTICS = ["min", "max", "mean", "last"];

  function cell(tag, text, className) {
    const made = document.createElement(tag);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function row(one, panel, columns) {
    const line = document.createElement("tr");
    line.className = panel.isShown(one.name) ? "" : "is-hidden";
    const name = document.createElement("td");
    const button = document.createElement("button");
    button.type = "button";
    button.title = one.title;
    button.setAttribute("aria-pressed", String(panel.isolated === one.name));
    const swatch = cell("span", "", "swatch");
    swatch.style.background = one.colour;
    button.append(swatch, cell("span", one.name, "series-name"));
    button.addEventListener("click", () => panel.isolate(one.name));
    name.appendChild(button);
    line.append(name, ...columns.map((key) => cell("td", swell.format(one.stats[key], panel.element.dataset.unit), "number")));
    return line;
  }

  function head(panel, columns) {
    const line = document.createElement("tr");
    line.append(cell("th", "Series"));
    for (const key of columns) {
      const th = document.createElement("th");
      th.className = "number";
      const mark = panel.sort.key === key ? (panel.sort.descending ? " ↓" : " ↑") : "";
      const button = cell("button", key + mark);
      button.type = "button";
      button.addEventListener("click", () => panel.sortBy(key));
      th.appendChild(button);
      line.appendChild(th);
    }
    const made = document.createElement("thead");
    made.appendChild(line);
    return made;
  }

  swell.legend = function (panel) {
    const full = Boolean(panel.element.dataset.table);
    const columns = full ? STATISTICS : ["last"];
    const drawn = [...panel.drawn];
    if (panel.sort.key) {
      const sign = panel.sort.descending ? -1 : 1;
      drawn.sort((a, b) => sign * (a.stats[panel.sort.key] - b.stats[panel.sort.key]) || 0);
    }
    const table = document.createElement("table");
    table.className = full ? "legend legend-full" : "legend legend-compact";
    const body = document.createElement("tbody");
    body.append(...drawn.map((one) => row(one, panel, columns)));
    table.append(...(full ? [head(panel, columns)] : []), body);
    return table;
  };
})(window.swell);
