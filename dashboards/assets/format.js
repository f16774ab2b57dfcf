// Numbers and times as people read them; the same rules as dashboards/units.py.
window.swell = window.swell || {};

(function (swell) {
  "use strict";

  const SI = ["", "k", "M", "G", "T", "P", "E"];
  const IEC = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  const DURATIONS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const SMALL = [[1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];

  function trim(text) {
    return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
  }

  function figures(value) {
    const size = Math.abs(value);
    if (size === 0) return "0";
    if (size < 1e-3 || size >= 1e6) {
      const [mantissa, exponent] = value.toExponential(2).split("e");
      return trim(mantissa) + "e" + Number(exponent);
    }
    return trim(value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(size)))));
  }

  function scaled(value, base, prefixes, fromSize, gap) {
    let power = 0;
    if (Math.abs(value) >= fromSize) {
      const exact = Math.log(Math.abs(value)) / Math.log(base);
      power = Math.min(Math.floor(exact + 1e-12), prefixes.length - 1);
    }
    return (figures(value / base ** power) + gap + prefixes[power]).trimEnd();
  }

  function duration(value) {
    const size = Math.abs(value);
    if (size === 0) return "0 s";
    if (size < 1) {
      const [scale, name] = SMALL.find(([from]) => size >= from) || SMALL[SMALL.length - 1];
      return figures(value / scale) + " " + name;
    }
    if (size < 60) return figures(value) + " s";
    const whole = Math.round(size);
    const at = DURATIONS.findIndex(([seconds]) => whole >= seconds);
    const [large, largeName] = DURATIONS[at];
    const [small, smallName] = DURATIONS[at + 1];
    const rest = Math.floor((whole % large) / small);
    const sign = value < 0 ? "-" : "";
    return sign + Math.floor(whole / large) + " " + largeName + (rest ? " " + rest + " " + smallName : "");
  }

  swell.format = function (value, unit) {
    if (value === null || value === undefined || Number.isNaN(value)) return "-";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
    if (unit === "bytes") return scaled(value, 1024, IEC, 1024, " ");
    if (unit === "bytes_per_s") return scaled(value, 1024, IEC, 1024, " ") + "/s";
    if (unit === "seconds") return duration(value);
    if (unit === "percent") return figures(value) + " %";
    return scaled(value, 1000, SI, 10000, "");
  };

  // What a query measures, as far as its metric's name tells: one of the units above.
  swell.unitOf = function (query) {
    const plain = query.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g, "")
      .replace(/\{[^}]*\}|\[[^\]]*\]|\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, " ");
    if (/[/*%^]|\b(count|count_values|count_over_time|changes|resets|absent|stdvar|timestamp|group)\b/.test(plain)) return "none";
    const isQuantile = /\bhistogram_(quantile|avg|stddev)\b/.test(plain);
    const names = (plain.match(/[a-zA-Z_:][\w:]*/g) || []).map((name) => (isQuantile ? name.replace(/_bucket$/, "") : name));
    const units = new Set(names.map((name) => /_(bytes|seconds)(_total)?$/.exec(name)).filter(Boolean).map((found) => found[1]));
    if (units.size !== 1 || names.some((name) => /_(time|timestamp)_seconds$/.test(name))) return "none";
    const isRate = !isQuantile && /\b(rate|irate|deriv|idelta)\b/.test(plain);
    if (units.has("bytes")) return isRate ? "bytes_per_s" : "bytes";
    return isRate ? "none" : "seconds";
  };

  swell.formatTime = function (ms) {
    const at = new Date(ms);
    const two = (number) => String(number).padStart(2, "0");
    const day = at.getFullYear() + "-" + two(at.getMonth() + 1) + "-" + two(at.getDate());
    return day + " " + two(at.getHours()) + ":" + two(at.getMinutes()) + ":" + two(at.getSeconds());
  };
})(window.swell);
