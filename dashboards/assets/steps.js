// Tables of a dashboard's panel: made of what queries gave, changed step by step as Grafana's transformations do.
window.swell = window.swell || {};

(function (swell) {
  "use strict";

  // A table for each query: a row a series, with its labels, its newest value and time.
  swell.tablesOf = function (data, queries) {
    const many = queries.length > 1;
    return queries.map((query) => {
      const rows = data.series.filter((one) => one.ref === query.ref).map((one) => {
        const labels = Object.fromEntries(Object.entries(one.labels).filter(([name]) => name !== "__name__"));
        const value = swell.calculate("lastNotNull", one.values);
        const named = query.shape === "table" ? labels : { Name: one.name };
        return { Time: data.times[data.times.length - 1] * 1000, ...named, [many ? "Value #" + query.ref : "Value"]: value };
      });
      return { ref: query.ref, fields: fieldsOf(rows), rows };
    });
  };

  function fieldsOf(rows) {
    const names = new Set();
    for (const row of rows) Object.keys(row).forEach((name) => names.add(name));
    return Array.from(names);
  }

  function table(rows, fields, ref) {
    return { ref, rows, fields: fields || fieldsOf(rows) };
  }

  function organize(tables, options) {
    const { excludeByName = {}, indexByName = {}, renameByName = {} } = options;
    return tables.map(({ fields, rows, ref }) => {
      const kept = fields.filter((name) => !excludeByName[name]);
      kept.sort((a, b) => (indexByName[a] ?? fields.indexOf(a) + 1e3) - (indexByName[b] ?? fields.indexOf(b) + 1e3));
      const named = (name) => renameByName[name] || name;
      const made = rows.map((row) => Object.fromEntries(kept.filter((name) => name in row).map((name) => [named(name), row[name]])));
      return table(made, kept.map(named), ref);
    });
  }

  function merge(tables) {
    const shared = tables.map((one) => new Set(one.fields.filter((name) => !name.startsWith("Value"))));
    const keys = shared.length ? Array.from(shared[0]).filter((name) => shared.every((one) => one.has(name))) : [];
    return [joined(tables, keys)];
  }

  function joined(tables, keys) {
    const rows = new Map();
    for (const { rows: own } of tables) {
      for (const row of own) {
        const key = JSON.stringify(keys.map((name) => row[name] ?? null));
        rows.set(key, { ...(rows.get(key) || {}), ...row });
      }
    }
    return table(Array.from(rows.values()));
  }

  function joinByField(tables, options) {
    const field = options.byField || "Time";
    return [joined(tables, [field])];
  }

  function groupBy(tables, options) {
    const fields = options.fields || {};
    const keys = Object.keys(fields).filter((name) => fields[name].operation === "groupby");
    const sums = Object.keys(fields).filter((name) => fields[name].operation === "aggregate");
    return tables.map(({ rows, ref }) => {
      const groups = new Map();
      for (const row of rows) {
        const key = JSON.stringify(keys.map((name) => row[name] ?? null));
        groups.set(key, [...(groups.get(key) || []), row]);
      }
      const made = Array.from(groups.values(), (group) => {
        const row = Object.fromEntries(keys.filter((name) => name in group[0]).map((name) => [name, group[0][name]]));
        for (const name of sums) {
          const values = group.map((one) => (typeof one[name] === "number" ? one[name] : NaN));
          for (const by of fields[name].aggregations || []) row[name + " (" + by + ")"] = swell.calculate(by, values);
        }
        return row;
      });
      return table(made, undefined, ref);
    });
  }

  function filterFieldsByName(tables, options) {
    const names = new Set((options.include || {}).names || []);
    const pattern = (options.include || {}).pattern;
    const without = new Set((options.exclude || {}).names || []);
    const isKept = (name) => !without.has(name) && (names.has(name) || (pattern ? swell.pattern(pattern).test(name) : names.size === 0));
    return tables.map(({ fields, rows, ref }) => table(rows, fields.filter(isKept), ref));
  }

  const OPERATORS = { "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / b, "%": (a, b) => a % b };

  function calculateField(tables, options) {
    const { mode = "reduceRow", alias, binary = {}, reduce = {}, replaceFields } = options;
    const value = (row, side) => (side && side.matcher ? row[side.matcher.options] : side in row ? row[side] : Number(side && side.fixed !== undefined ? side.fixed : side));
    return tables.map(({ fields, rows, ref }) => {
      const numbers = fields.filter((name) => rows.some((row) => typeof row[name] === "number") && name !== "Time");
      const wanted = reduce.include && reduce.include.length ? reduce.include : numbers;
      const name = alias || (mode === "binary" ? [binary.left, binary.operator, binary.right].join(" ") : "Total");
      const made = rows.map((row) => {
        const found = mode === "binary"
          ? (OPERATORS[binary.operator] || OPERATORS["+"])(value(row, binary.left), value(row, binary.right))
          : swell.calculate(reduce.reducer || "sum", wanted.map((one) => (typeof row[one] === "number" ? row[one] : NaN)));
        return replaceFields ? { [name]: found } : { ...row, [name]: found };
      });
      return table(made, replaceFields ? [name] : [...fields, name], ref);
    });
  }

  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a ?? "").localeCompare(String(b ?? ""), undefined, { numeric: true });
  }

  swell.sortRows = function (rows, field, descending) {
    return [...rows].sort((a, b) => (descending ? -1 : 1) * compare(a[field], b[field]));
  };

  function sortBy(tables, options) {
    const [first] = options.sort || [];
    if (!first) return tables;
    return tables.map((one) => table(swell.sortRows(one.rows, first.field, first.desc), one.fields, one.ref));
  }

  function reduceAll(tables, options) {
    const reducers = options.reducers || ["lastNotNull"];
    const rows = tables.flatMap((one) => one.rows.map((row) => {
      const values = Object.values(row).filter((value) => typeof value === "number");
      return { Field: row.Name || Object.values(row).find((value) => typeof value === "string") || one.ref, ...Object.fromEntries(reducers.map((by) => [by, swell.calculate(by, values.slice(-1))])) };
    }));
    return [table(rows)];
  }

  function renameByRegex(tables, options) {
    const pattern = swell.pattern(options.regex || "");
    const named = (name) => name.replace(pattern, options.renamePattern || "");
    return tables.map(({ fields, rows, ref }) => table(
      rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [named(name), value]))), fields.map(named), ref));
  }

  const TESTS = {
    equal: (a, b) => String(a) === String(b),
    notEqual: (a, b) => String(a) !== String(b),
    greater: (a, b) => a > b,
    greaterOrEqual: (a, b) => a >= b,
    lower: (a, b) => a < b,
    lowerOrEqual: (a, b) => a <= b,
    regex: (a, b) => swell.pattern("/" + b + "/").test(String(a)),
    isNull: (a) => a === undefined || a === null || Number.isNaN(a),
    isNotNull: (a) => !(a === undefined || a === null || Number.isNaN(a)),
  };

  function filterByValue(tables, options) {
    const { filters = [], match = "any", type = "include" } = options;
    const passes = (row) => {
      const found = filters.map((one) => (TESTS[(one.config || {}).id] || (() => true))(row[one.fieldName], ((one.config || {}).options || {}).value));
      return (match === "all" ? found.every(Boolean) : found.some(Boolean)) === (type === "include");
    };
    return tables.map((one) => table(one.rows.filter(passes), one.fields, one.ref));
  }

  const STEPS = {
    organize,
    merge,
    joinByField,
    groupBy,
    filterFieldsByName,
    filterByValue,
    calculateField,
    sortBy,
    renameByRegex,
    reduce: reduceAll,
    labelsToFields: (tables) => tables,
    limit: (tables, options) => tables.map((one) => table(one.rows.slice(0, Number(options.limitField) || 10), one.fields, one.ref)),
  };

  swell.transformed = function (tables, steps) {
    const found = steps.reduce((made, step) => (STEPS[step.do] ? STEPS[step.do](made, step.options || {}) : made), tables);
    const filled = found.filter((one) => one.rows.length);
    return filled.length > 1 ? merge(filled)[0] : filled[0] || { fields: [], rows: [] };
  };
})(window.swell);
