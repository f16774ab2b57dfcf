// Draws time series with uPlot; with Plotly, which Dash brings along, where uPlot was not built.
window.swell = window.swell || {};

(function (swell) {
  "use strict";

  const HEIGHT = 220;
  const TALL = 380;
  const TOOLTIP_ROWS = 12;
  const LIGHT = ["#3366cc", "#d9622b", "#1a9850", "#b8418f", "#8a6d00", "#0e8ba0", "#7a52c7", "#c23b3b", "#5c7d1c", "#596579"];
  const DARK = ["#6ea2ff", "#ff9661", "#57cf86", "#ee82c6", "#e0bd4a", "#4fcbe0", "#b196ff", "#ff8080", "#a9cf61", "#a8b3c5"];

  swell.isDark = () => document.documentElement.getAttribute("data-mantine-color-scheme") === "dark";
  swell.colour = (i) => (swell.isDark() ? DARK : LIGHT)[i % LIGHT.length];

  function ink() {
    return swell.isDark()
      ? { text: "#a6adbb", grid: "rgba(255,255,255,0.07)" }
      : { text: "#5b6472", grid: "rgba(20,30,50,0.08)" };
  }

  function height(element) {
    return element.dataset.table ? TALL : HEIGHT;
  }

  function axes(unit) {
    const { text, grid } = ink();
    const common = { stroke: text, font: "11px Inter, system-ui, 'DejaVu Sans', sans-serif", ticks: { show: false } };
    return [
      { ...common, grid: { show: false }, space: 70, size: 28, values: clock },
      {
        ...common,
        grid: { stroke: grid, width: 1 },
        size: (u, values) => 16 + 6.6 * Math.max(3, ...(values || []).map((value) => (value || "").length)),
        values: (_, ticks) => ticks.map((tick) => swell.format(tick, unit)),
        space: 36,
        ...((unit || "").startsWith("bytes") ? { incrs: BINARY } : {}),
      },
    ];
  }

  // 24 hours; the day instead where it changes, and where ticks are days apart.
  function clock(_, ticks, _axis, _space, step) {
    let before = null;
    return ticks.map((tick) => {
      const text = swell.formatTime(tick * 1000);
      const day = text.slice(5, 10);
      const isNew = before !== null && day !== before;
      before = day;
      if (step >= 86400 || isNew) return day;
      return step < 60 ? text.slice(11) : text.slice(11, 16);
    });
  }

  // Ticks for units that count in 1024s.
  const BINARY = Array.from({ length: 60 }, (_, i) => 2 ** i);

  function scale(most) {
    return function (_, low, high) {
      if (low === null || low === undefined) return [0, most || 1];
      const bottom = low >= 0 ? 0 : low - (high - low) * 0.08;
      if (most) return [bottom, Math.max(most, high)];
      return [bottom, high > bottom ? high + (high - bottom) * 0.08 : bottom + 1];
    };
  }

  function tooltip(chart, element) {
    const box = document.createElement("div");
    box.className = "tooltip";
    box.hidden = true;
    chart.over.appendChild(box);
    let hovered = false;
    chart.over.addEventListener("mouseenter", () => { hovered = true; });
    chart.over.addEventListener("mouseleave", () => { hovered = false; box.hidden = true; });
    return function () {
      const { idx, left, top } = chart.cursor;
      if (!hovered || idx === null || idx === undefined || left < 0) { box.hidden = true; return; }
      const rows = [];
      for (let i = 1; i < chart.series.length; i += 1) {
        const raw = chart.series[i].raw;
        const value = raw ? raw[idx] : chart.data[i][idx];
        if (chart.series[i].show && value !== null && !Number.isNaN(value)) rows.push([chart.series[i], value]);
      }
      rows.sort((a, b) => b[1] - a[1]);
      box.replaceChildren(...tooltipRows(rows, chart.data[0][idx], element.dataset.unit));
      box.hidden = rows.length === 0;
      const right = left > chart.over.clientWidth / 2;
      box.style.left = right ? "auto" : left + 14 + "px";
      box.style.right = right ? chart.over.clientWidth - left + 14 + "px" : "auto";
      box.style.top = Math.max(0, Math.min(top - 20, chart.over.clientHeight - box.offsetHeight)) + "px";
    };
  }

  function tooltipRows(rows, time, unit) {
    const line = (className, ...texts) => {
      const row = document.createElement("div");
      row.className = className;
      for (const text of texts) {
        const cell = document.createElement("span");
        cell.textContent = text;
        row.appendChild(cell);
      }
      return row;
    };
    const found = rows.slice(0, TOOLTIP_ROWS).map(([series, value]) => {
      const text = series.style ? swell.valueText(series.style, value) : swell.format(value, unit);
      const row = line("tooltip-row", "", series.label, text);
      row.firstChild.style.background = series.colour;
      return row;
    });
    const more = rows.length > TOOLTIP_ROWS ? [line("tooltip-more", "+" + (rows.length - TOOLTIP_ROWS) + " more")] : [];
    return [line("tooltip-time", swell.formatTime(time * 1000)), ...found, ...more];
  }

  function options(element, drawn, handlers) {
    let move = null;
    return {
      width: Math.max(120, element.clientWidth),
      height: height(element),
      padding: [8, 20, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: "swell", setSeries: false },
        drag: { x: true, y: false, setScale: false },
        points: { size: 6 },
        bind: { dblclick: () => () => { handlers.unzoom(); return null; } },
      },
      scales: { x: { time: true, range: (_, low, high) => handlers.span() || [low, high] }, y: { range: scale(Number(element.dataset.most) || 0) } },
      axes: axes(element.dataset.unit),
      series: [{}, ...drawn.map((one) => ({
        label: one.name,
        stroke: one.colour,
        colour: one.colour,
        width: 1.5,
        show: handlers.isShown(one.name),
        spanGaps: false,
        points: { show: false, filter: alone },
      }))],
      hooks: {
        init: [(chart) => { move = tooltip(chart, element); }],
        setCursor: [() => move && move()],
        setSelect: [(chart) => select(chart, handlers)],
      },
    };
  }

  // Points are drawn where a value has no neighbour, which a line cannot show.
  function alone(chart, index, show) {
    const values = chart.data[index];
    const found = [];
    for (let i = 0; i < values.length; i += 1) {
      const missing = (j) => j < 0 || j >= values.length || values[j] === null || Number.isNaN(values[j]);
      if (!missing(i) && missing(i - 1) && missing(i + 1)) found.push(i);
    }
    return show || found.length ? found : null;
  }

  function select(chart, handlers) {
    const { left, width } = chart.select;
    if (width < 5) return;
    const from = chart.posToVal(left, "x");
    const to = chart.posToVal(left + width, "x");
    chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    handlers.zoom(Math.round(from * 1000), Math.round(to * 1000));
  }

  // uPlot knows an absent value as null; a float64 column has NaN there.
  function columns(frame, drawn) {
    return [frame.times, ...drawn.map((one) => Array.from(one.values, (value) => (Number.isNaN(value) ? null : value)))];
  }

  Object.assign(swell, { BINARY, alone, clock, select, tooltip });

  class UPlotChart {
    constructor(element, frame, drawn, handlers) {
      this.element = element;
      const made = options(element, drawn, handlers);
      made.series.slice(1).forEach((series) => { series.points.show = alone; });
      this.chart = new window.uPlot(made, columns(frame, drawn), element);
    }

    update(frame, drawn) { this.chart.setData(columns(frame, drawn)); }

    resize() { this.chart.setSize({ width: Math.max(120, this.element.clientWidth), height: height(this.element) }); }

    show(drawn, isShown) {
      this.chart.batch(() => drawn.forEach((one, i) => {
        if (this.chart.series[i + 1].show !== isShown(one.name)) this.chart.setSeries(i + 1, { show: isShown(one.name) });
      }));
    }

    destroy() { this.chart.destroy(); }
  }

  class PlotlyChart {
    constructor(element, frame, drawn, handlers) {
      this.element = element;
      this.handlers = handlers;
      this.update(frame, drawn);
      element.on("plotly_relayout", (change) => {
        const from = change["xaxis.range[0]"];
        if (from !== undefined) handlers.zoom(Date.parse(from), Date.parse(change["xaxis.range[1]"]));
      });
      element.on("plotly_doubleclick", () => { handlers.unzoom(); return false; });
    }

    update(frame, drawn) {
      const { text, grid } = ink();
      const dates = Array.from(frame.times, (time) => new Date(time * 1000));
      const span = this.handlers.span();
      const layout = {
        height: height(this.element),
        margin: { l: 64, r: 12, t: 8, b: 32 },
        showlegend: false,
        hovermode: "x unified",
        dragmode: "zoom",
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: text, size: 11 },
        xaxis: { type: "date", gridcolor: grid, range: span && span.map((time) => new Date(time * 1000)) },
        yaxis: { gridcolor: grid, rangemode: "tozero", fixedrange: true },
      };
      const traces = drawn.map((one) => ({
        type: "scatter",
        mode: "lines",
        name: one.name,
        x: dates,
        y: one.values,
        text: Array.from(one.values, (value) => swell.format(value, this.element.dataset.unit)),
        hovertemplate: "%{text}",
        line: { color: one.colour, width: 1.5 },
        visible: this.handlers.isShown(one.name),
      }));
      window.Plotly.react(this.element, traces, layout, { displayModeBar: false, responsive: true });
    }

    resize() { window.Plotly.Plots.resize(this.element); }

    show(drawn, isShown) { window.Plotly.restyle(this.element, { visible: drawn.map((one) => isShown(one.name)) }); }

    destroy() { window.Plotly.purge(this.element); }
  }

  let loading = null;

  function loadPlotly() {
    loading = loading || new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = "/ui/_dash-component-suites/plotly/package_data/plotly.min.js";
      script.onload = resolve;
      script.onerror = () => reject(new Error("the chart library could not be loaded"));
      document.head.appendChild(script);
    });
    return loading;
  }

  swell.chartClass = async function () {
    if (window.uPlot) return UPlotChart;
    if (!window.Plotly) await loadPlotly();
    return PlotlyChart;
  };
})(window.swell);
