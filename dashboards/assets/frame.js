// Decodes an answer of /api/v1/panel: "SWF1", uint32 LE length of a JSON header, the header, padding to eight
// bytes, then one float64 LE column a series, NaN where a series has no value.
window.swell = window.swell || {};

(function (swell) {
  "use strict";

  const MAGIC = 0x31465753;

  swell.decodeFrame = function (buffer) {
    const view = new DataView(buffer);
    if (buffer.byteLength < 8 || view.getUint32(0, true) !== MAGIC) {
      throw new Error("the server's answer is not a frame");
    }
    const length = view.getUint32(4, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
    const { start, step, count } = header.steps_ms;
    const offset = Math.ceil((8 + length) / 8) * 8;
    const times = Float64Array.from({ length: count }, (_, i) => (start + i * step) / 1000);
    const series = header.series.map((one, i) => ({
      labels: one.labels,
      values: new Float64Array(buffer, offset + i * count * 8, count),
    }));
    return { times, series, stepMs: step, warnings: header.warnings, infos: header.infos, stats: header.stats };
  };

  // Count, extremes, mean and last value of one column, absent values left out.
  swell.statistics = function (values) {
    let count = 0;
    let sum = 0;
    let min = Infinity;
    let max = -Infinity;
    let last = NaN;
    for (const value of values) {
      if (Number.isNaN(value)) continue;
      count += 1;
      sum += value;
      if (value < min) min = value;
      if (value > max) max = value;
      last = value;
    }
    return count ? { min, max, mean: sum / count, last } : { min: NaN, max: NaN, mean: NaN, last: NaN };
  };

  // The labels that all of several series share, with the same value; none where there is only one series.
  swell.sharedLabels = function (series) {
    if (series.length < 2) return {};
    const [first, ...others] = series;
    return Object.fromEntries(Object.entries(first.labels).filter(
      ([name, value]) => others.every((one) => one.labels[name] === value)));
  };

  swell.withoutLabels = function (labels, left) {
    return Object.fromEntries(Object.entries(labels).filter(([name]) => !(name in left)));
  };

  // The series' name: a template such as {{instance}}, or all labels as PromQL writes them.
  swell.seriesName = function (labels, template) {
    if (template) return template.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] || "") || "value";
    const pairs = Object.entries(labels).filter(([name]) => name !== "__name__");
    const inner = pairs.map(([name, value]) => name + "=" + JSON.stringify(value)).join(", ");
    return (labels.__name__ || "") + (inner ? "{" + inner + "}" : "") || "value";
  };
})(window.swell);
