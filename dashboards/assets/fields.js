// How values of a dashboard's panel look: styles of series, colours, texts, numbers made of series.
window.swell = window.swell || {};

(function (swell) {
  "use strict";

  const HUES = {
    red: ["#c4162a", "#e02f44", "#f2495c", "#ff7383", "#ffa6b0"],
    orange: ["#fa6400", "#ff780a", "#ff9830", "#ffb357", "#ffcb7d"],
    yellow: ["#e0b400", "#f2cc0c", "#fade2a", "#ffee52", "#fff899"],
    green: ["#37872d", "#56a64b", "#73bf69", "#96d98d", "#c8f2c2"],
    blue: ["#1f60c4", "#3274d9", "#5794f2", "#8ab8ff", "#c0d8ff"],
    purple: ["#8f3bb8", "#a352cc", "#b877d9", "#ca95e5", "#deb6f2"],
  };
  const SHADES = { dark: 0, "semi-dark": 1, "": 2, light: 3, "super-light": 4 };
  const SCALES = {
    GrYlRd: ["#73bf69", "#fade2a", "#f2495c"],
    RdYlGr: ["#f2495c", "#fade2a", "#73bf69"],
    BlYlRd: ["#5794f2", "#fade2a", "#f2495c"],
    YlRd: ["#fade2a", "#f2495c"],
    BlPu: ["#5794f2", "#b877d9"],
    YlBl: ["#fade2a", "#5794f2"],
    blues: ["#dbe8ff", "#1f60c4"],
    reds: ["#ffe0e4", "#c4162a"],
    greens: ["#dff5dc", "#37872d"],
    purples: ["#f0e0fa", "#8f3bb8"],
  };

  // A colour as a browser knows it, from the names that dashboards use.
  swell.paint = function (name) {
    if (!name || name === "text") return "var(--swell-text)";
    const found = /^(?:(dark|semi-dark|light|super-light)-)?(red|orange|yellow|green|blue|purple)$/.exec(name);
    return found ? HUES[found[2]][SHADES[found[1] || ""]] : name;
  };

  function mixed(one, other, share) {
    const part = (hex, i) => parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16);
    const values = [0, 1, 2].map((i) => Math.round(part(one, i) + (part(other, i) - part(one, i)) * share));
    return "rgb(" + values.join(",") + ")";
  }

  swell.scaleColour = function (name, share) {
    const colours = SCALES[name] || SCALES.GrYlRd;
    const at = Math.max(0, Math.min(1, share)) * (colours.length - 1);
    const low = Math.min(Math.floor(at), colours.length - 2);
    return mixed(colours[low], colours[low + 1], at - low);
  };

  // A pattern as a dashboard writes it, /like this/i or plain; one that is none matches nothing.
  swell.pattern = function (text) {
    const plain = /^\/(.*)\/([gimsuy]*)$/s.exec(text);
    try {
      return plain ? new RegExp(plain[1], plain[2].replace("g", "")) : new RegExp("^(?:" + text + ")$");
    } catch {
      return /(?!)/;
    }
  };

  function matches(override, name, ref) {
    if (override.by === "name") return override.of === name;
    if (override.by === "names") return override.of.includes(name);
    if (override.by === "regex") return swell.pattern(override.of).test(name);
    if (override.by === "query") return override.of === ref;
    return override.by === "type" && override.of === "number";
  }

  swell.styleOf = function (panel, name, ref) {
    const own = panel.overrides.filter((one) => matches(one, name, ref)).map((one) => one.style);
    return Object.assign({}, panel.style, ...own);
  };

  function bounds(style, values) {
    const known = values.filter((value) => Number.isFinite(value));
    const low = style.min ?? (style.unit === "percent" || style.unit === "ratio" ? 0 : Math.min(0, ...known));
    const most = style.unit === "percent" ? 100 : style.unit === "ratio" ? 1 : Math.max(...known, low + 1e-12);
    return [low, style.max ?? most];
  }

  swell.boundsOf = bounds;

  swell.thresholdOf = function (style, value, low, high) {
    let colour = null;
    for (const step of style.thresholds || []) {
      const from = step.value === null ? -Infinity : style.thresholds_in_percent ? low + ((high - low) * step.value) / 100 : step.value;
      if (value >= from) colour = step.color;
    }
    return colour;
  };

  // The colour of a value, where that follows from it; null where the series' own counts.
  swell.valueColour = function (style, value, values) {
    const text = swell.textOf(style, value);
    if (text && text.color) return swell.paint(text.color);
    const [low, high] = bounds(style, values || [value]);
    if (style.color_by === "value") return swell.scaleColour(style.color, (value - low) / (high - low || 1));
    if (style.color_by === "thresholds" || (!style.color_by && style.thresholds)) {
      const found = swell.thresholdOf(style, value, low, high);
      return found ? swell.paint(found) : null;
    }
    return style.color ? swell.paint(style.color) : null;
  };

  // What a dashboard says instead of a value.
  swell.textOf = function (style, value) {
    const isNone = value === null || value === undefined || Number.isNaN(value);
    for (const one of style.texts || []) {
      if (one.value !== null && one.value !== undefined && String(value) === one.value) return one;
      if (one.special) {
        const special = { null: isNone, nan: isNone, "null+nan": isNone, true: value === 1, false: value === 0, empty: value === "" };
        if (special[one.special]) return one;
      } else if (one.regex !== null && one.regex !== undefined) {
        if (swell.pattern(one.regex).test(String(value))) return one;
      } else if ((one.low !== null && one.low !== undefined) || (one.high !== null && one.high !== undefined)) {
        if (!isNone && value >= (one.low ?? -Infinity) && value <= (one.high ?? Infinity)) return one;
      }
    }
    return null;
  };

  swell.valueText = function (style, value) {
    const text = swell.textOf(style, value);
    if (text && text.text) return text.text;
    if (value === null || value === undefined || Number.isNaN(value)) return style.no_value || "-";
    if (typeof value === "string") return value;
    return swell.format(value, style.unit || "none", style.decimals);
  };

  const CALCULATIONS = {
    last: (values) => values[values.length - 1],
    lastNotNull: (values) => values.filter((value) => !Number.isNaN(value)).pop(),
    first: (values) => values.find((value) => !Number.isNaN(value)),
    min: (values) => Math.min(...values.filter((value) => !Number.isNaN(value))),
    max: (values) => Math.max(...values.filter((value) => !Number.isNaN(value))),
    mean: (values) => mean(values.filter((value) => !Number.isNaN(value))),
    sum: (values) => values.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0),
    count: (values) => values.filter((value) => !Number.isNaN(value)).length,
  };
  CALCULATIONS.range = (values) => CALCULATIONS.max(values) - CALCULATIONS.min(values);
  CALCULATIONS.diff = (values) => CALCULATIONS.lastNotNull(values) - CALCULATIONS.first(values);
  CALCULATIONS.delta = (values) => {
    const known = values.filter((value) => !Number.isNaN(value));
    return known.reduce((sum, value, i) => sum + (i ? (value < known[i - 1] ? value : value - known[i - 1]) : 0), 0);
  };

  function mean(values) {
    return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : NaN;
  }

  // One number of a series; NaN where it has no value at all.
  swell.calculate = function (by, values) {
    const list = Array.from(values);
    if (!list.some((value) => !Number.isNaN(value))) return by === "count" || by === "sum" ? 0 : NaN;
    const found = (CALCULATIONS[by] || CALCULATIONS.lastNotNull)(list);
    return found === undefined ? NaN : found;
  };
})(window.swell);
