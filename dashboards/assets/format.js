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

  const IEC_BITS = ["b", "Kib", "Mib", "Gib", "Tib", "Pib", "Eib"];
  const SI_BYTES = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
  const SI_BITS = ["b", "kb", "Mb", "Gb", "Tb", "Pb", "Eb"];
  const SIZES = {
    bytes: [1024, IEC],
    bytes_si: [1000, SI_BYTES],
    bits: [1024, IEC_BITS],
    bits_si: [1000, SI_BITS],
  };
  const SECONDS = { seconds: 1, milliseconds: 1e-3, microseconds: 1e-6, nanoseconds: 1e-9, minutes: 60, hours: 3600, days: 86400 };

  function plain(value, decimals) {
    if (decimals === undefined || decimals === null) return scaled(value, 1000, SI, 10000, "");
    return value.toFixed(decimals);
  }

  function words(value, unit, decimals) {
    const [kind, rest] = [unit.slice(0, unit.indexOf(":")), unit.slice(unit.indexOf(":") + 1)];
    if (kind === "suffix") return plain(value, decimals) + " " + rest.trim();
    if (kind === "prefix") return rest + plain(value, decimals);
    return rest.split("/")[value ? 0 : 1];
  }

  // decimals: how many to show of a plain number or a share, three figures in all where it is not given.
  swell.format = function (value, unit, decimals) {
    if (value === null || value === undefined || Number.isNaN(value)) return "-";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
    const name = (unit || "none").replace(/_per_s(?=$|_si$)/, "");
    const power = /^bytes\*1024\^(\d)$/.exec(name);
    if (power) return scaled(value * 1024 ** Number(power[1]), 1024, IEC, 1024, " ");
    if (SIZES[name]) {
      const [base, prefixes] = SIZES[name];
      return scaled(value, base, prefixes, base, " ") + (name === unit ? "" : "/s");
    }
    if (SECONDS[name]) return duration(value * SECONDS[name]);
    const isFixed = decimals !== undefined && decimals !== null;
    if (name === "percent") return (isFixed ? value.toFixed(decimals) : figures(value)) + " %";
    if (name === "ratio") return (isFixed ? (value * 100).toFixed(decimals) : figures(value * 100)) + " %";
    if (name === "time") return swell.formatTime(value);
    if (name === "time_ago") return duration((Date.now() - value) / 1000) + " ago";
    if (name.includes(":")) return words(value, name, decimals);
    return plain(value, decimals);
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
