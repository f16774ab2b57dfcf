// Time series of a dashboard's panel: lines, bars and points, stacked, on two axes, with thresholds.
window.swell = window.swell || {};

(function (swell) {
  "use strict";

  const MOST_SERIES = 100;

  function ink() {
    return swell.isDark()
      ? { text: "#a6adbb", grid: "rgba(255,255,255,0.07)" }
      : { text: "#5b6472", grid: "rgba(20,30,50,0.08)" };
  }

  // A colour that a canvas can use.
  function drawable(colour) {
    const found = /^var\((--[\w-]+)\)$/.exec(colour);
    return found ? getComputedStyle(document.documentElement).getPropertyValue(found[1]).trim() || "#888" : colour;
  }

  function faint(colour, percent) {
    return "color-mix(in srgb, " + colour + " " + percent + "%, transparent)";
  }

  // Series that stand on those before them in their group; what is drawn, and the bands between them. Where
  // none of a group has a value there is none; where one has none the others stand on each other.
  function stacked(series) {
    const groups = new Map();
    const bands = [];
    const drawn = series.map((one) => Array.from(one.values, (value) => (Number.isNaN(value) ? null : one.style.negative ? -value : value)));
    series.forEach((one, i) => {
      if ((one.style.stack || "none") === "none") return;
      const name = (one.style.stack_group || "A") + (one.style.negative ? "-" : "+") + one.axis;
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(i);
    });
    for (const members of groups.values()) {
      const sums = drawn[members[0]].map(() => 0);
      const isThere = sums.map((_, k) => members.some((i) => drawn[i][k] !== null));
      members.forEach((i, place) => {
        drawn[i] = drawn[i].map((value, k) => {
          sums[k] += value || 0;
          return isThere[k] ? sums[k] : null;
        });
        if (place) bands.push({ series: [i + 1, members[place - 1] + 1] });
      });
      for (const i of members.filter((member) => series[member].style.stack === "percent")) {
        drawn[i] = drawn[i].map((value, k) => (value === null ? null : sums[k] ? (100 * value) / Math.abs(sums[k]) : 0));
      }
    }
    return { drawn, bands };
  }

  function prepared(panel, data) {
    const series = data.series.map((one, i) => {
      const style = swell.styleOf(panel, one.name, one.ref);
      const colour = style.color && style.color_by !== "value" && style.color_by !== "thresholds" ? swell.paint(style.color) : swell.colour(i);
      return {
        ...one,
        name: style.name || one.name,
        style,
        colour: drawable(colour),
        hidden: style.shown === false,
        axis: style.axis === "right" ? "right" : "left",
        stats: swell.statistics(one.values),
      };
    });
    return series.filter((one) => !one.hidden);
  }

  function range(style) {
    return function (_, low, high) {
      let bottom = style.min ?? Math.min(style.soft_min ?? (low >= 0 ? 0 : low), low ?? 0);
      let top = style.max ?? Math.max(style.soft_max ?? high ?? 1, high ?? 1);
      if (style.min === undefined && low < 0) bottom -= (high - low) * 0.08;
      if (style.max === undefined) top += (top - bottom) * 0.06;
      if (!(top > bottom)) top = bottom + 1;
      return [bottom, top];
    };
  }

  function axisOf(side, style, shown) {
    const { text, grid } = ink();
    const unit = style.stack === "percent" ? "percent" : style.unit || "none";
    return {
      scale: side,
      side: side === "right" ? 1 : 3,
      show: shown,
      stroke: text,
      font: "11px Inter, system-ui, 'DejaVu Sans', sans-serif",
      label: style.axis_label || undefined,
      labelSize: 16,
      labelFont: "11px Inter, system-ui, 'DejaVu Sans', sans-serif",
      ticks: { show: false },
      grid: { show: side === "left", stroke: grid, width: 1 },
      size: (u, values) => 14 + 6.4 * Math.max(3, ...(values || []).map((value) => (value || "").length)),
      values: (_, ticks) => ticks.map((tick) => swell.format(Math.abs(tick) < 1e-12 ? 0 : tick, unit, style.decimals)),
      space: 30,
      ...(unit.startsWith("bytes") && !unit.includes("_si") ? { incrs: swell.BINARY } : {}),
    };
  }

  function pathsOf(style) {
    const { bars, linear, stepped, spline } = window.uPlot.paths;
    if (style.draw === "bars") return bars({ size: [0.8, 60] });
    if (style.curve === "before") return stepped({ align: -1 });
    if (style.curve === "after") return stepped({ align: 1 });
    return style.curve === "smooth" ? spline() : linear();
  }

  function lineOf(one, isShown) {
    const style = one.style;
    const fill = style.fill ?? (style.draw === "bars" ? 60 : 0);
    return {
      label: one.name,
      scale: one.axis,
      stroke: style.draw === "points" ? undefined : one.colour,
      colour: one.colour,
      unit: style.unit,
      raw: one.values,
      style,
      width: style.width ?? 1.5,
      fill: fill > 0 && style.draw !== "points" ? faint(one.colour, Math.min(100, fill)) : undefined,
      dash: style.dash ? style.dash.split(",").map(Number) : undefined,
      spanGaps: Boolean(style.joins_gaps),
      paths: style.draw === "points" ? () => null : pathsOf(style),
      points: {
        ...(style.draw === "points" || style.points === "always" ? { show: true } : { show: swell.alone, filter: swell.alone }),
        size: 5,
        stroke: one.colour,
        fill: one.colour,
      },
      show: isShown(one.name),
    };
  }

  // Lines or areas where thresholds lie, behind the series.
  function limits(style) {
    return function (chart) {
      if (!style.thresholds_drawn || style.thresholds_drawn === "off" || !chart.scales.left) return;
      const { ctx, bbox } = chart;
      const steps = (style.thresholds || []).filter((step) => step.color !== "transparent");
      ctx.save();
      steps.forEach((step, i) => {
        const colour = drawable(swell.paint(step.color));
        const from = step.value === null ? chart.scales.left.min : step.value;
        const y = chart.valToPos(from, "left", true);
        if (style.thresholds_drawn === "line") {
          if (step.value === null || y < bbox.top || y > bbox.top + bbox.height) return;
          ctx.strokeStyle = colour;
          ctx.setLineDash([6, 4]);
          ctx.beginPath();
          ctx.moveTo(bbox.left, y);
          ctx.lineTo(bbox.left + bbox.width, y);
          ctx.stroke();
          return;
        }
        const next = steps[i + 1] ? chart.valToPos(steps[i + 1].value, "left", true) : bbox.top;
        ctx.globalAlpha = 0.12;
        ctx.fillStyle = colour;
        const bottom = Math.min(Math.max(y, bbox.top), bbox.top + bbox.height);
        const top = Math.min(Math.max(next, bbox.top), bbox.top + bbox.height);
        ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
      });
      ctx.restore();
    };
  }

  function options(board, series, bands) {
    const left = series.find((one) => one.axis === "left");
    const right = series.find((one) => one.axis === "right");
    const first = (left || right).style;
    let move = null;
    const scaleOf = (style) => ({ range: style.log ? undefined : range(style), distr: style.log ? 3 : 1, log: style.log === 2 ? 2 : 10 });
    return {
      width: Math.max(120, board.plot.clientWidth),
      height: board.heightOf(),
      padding: [8, right ? 4 : 16, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: "swell", setSeries: false },
        drag: { x: true, y: false, setScale: false },
        points: { size: 6 },
        bind: { dblclick: () => () => { swell.unzoom(); return null; } },
      },
      scales: {
        x: { time: true, range: () => [board.view.start_ms / 1000, board.view.end_ms / 1000] },
        ...(left ? { left: scaleOf(left.style.stack === "percent" ? { min: 0, max: 100 } : left.style) } : {}),
        ...(right ? { right: scaleOf(right.style) } : {}),
      },
      axes: [
        { stroke: ink().text, font: "11px Inter, system-ui, 'DejaVu Sans', sans-serif", grid: { show: false }, ticks: { show: false }, space: 48, size: 28, values: swell.clock },
        ...(left ? [axisOf("left", left.style, first.axis !== "hidden")] : []),
        ...(right ? [axisOf("right", right.style, true)] : []),
      ],
      bands,
      series: [{}, ...series.map((one) => lineOf(one, (name) => board.isShown(name)))],
      hooks: {
        init: [(chart) => { move = swell.tooltip(chart, board.plot); }],
        drawClear: [limits(first)],
        setCursor: [() => move && move()],
        setSelect: [(chart) => swell.select(chart, { zoom: swell.zoom })],
      },
    };
  }

  // Where uPlot was not built: plain lines by Plotly.
  async function plain(board, series, times) {
    const Chart = await swell.chartClass();
    board.drop();
    const chart = new Chart(board.plot, { times }, series, {
      isShown: (name) => board.isShown(name),
      span: () => [board.view.start_ms / 1000, board.view.end_ms / 1000],
      zoom: swell.zoom,
      unzoom: swell.unzoom,
    });
    board.chart = {
      setSize: () => chart.resize(),
      batch: () => chart.show(series, (name) => board.isShown(name)),
      destroy: () => chart.destroy(),
    };
  }

  swell.kinds = swell.kinds || {};

  swell.kinds.timeseries = function (board, panel, data) {
    const all = prepared(panel, data);
    const series = all.slice(0, MOST_SERIES);
    if (!series.length) { board.blank(); return; }
    if (!window.uPlot) {
      board.drawn = series;
      plain(board, series, data.times);
      return;
    }
    const { drawn, bands } = stacked(series);
    const key = JSON.stringify([series.map((one) => one.name), swell.isDark()]);
    if (board.chart && board.key === key) {
      series.forEach((one, i) => { board.chart.series[i + 1].raw = one.values; });
      board.chart.setData([data.times, ...drawn]);
    } else {
      board.drop();
      if (!series.some((one) => one.name === board.isolated)) board.isolated = null;
      board.chart = new window.uPlot(options(board, series, bands), [data.times, ...drawn], board.plot);
      board.key = key;
    }
    board.drawn = series;
    board.legend(panel.legend, series);
    if (all.length > MOST_SERIES) board.note("+" + (all.length - MOST_SERIES) + " more series are not drawn");
  };
})(window.swell);
