// Completes metric names, label names and label values in the query box, asked from our own API.
window.swell = window.swell || {};

(function (swell) {
  "use strict";

  const MOST_OFFERS = 50;
  const KEPT_MS = 60_000;
  const kept = new Map();
  let offers = [];
  let chosen = -1;
  let asked = 0;

  // What is being typed at the end of `text`: where it begins, of which kind, and for which metric and label.
  swell.typing = function (text) {
    const braces = /([a-zA-Z_:][\w:.]*)?\s*\{((?:[^{}"]|"(?:[^"\\]|\\.)*")*(?:"(?:[^"\\]|\\.)*)?)$/.exec(text);
    if (braces) {
      const metric = braces[1] || "";
      const value = /([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)$/.exec(braces[2]);
      if (value) return { kind: "value", metric, label: value[1], word: value[2] };
      const label = /(?:^|,)\s*([a-zA-Z_]\w*)?$/.exec(braces[2]);
      return label ? { kind: "label", metric, word: label[1] || "" } : null;
    }
    if (/"[^"]*$/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, "")) || /\[[^\]]*$/.test(text)) return null;
    const grouped = /\b(?:by|without|on|ignoring)\s*\((?:[\w\s]*,)*\s*(\w*)$/.exec(text);
    if (grouped) return { kind: "label", metric: "", word: grouped[1] };
    const name = /([a-zA-Z_:][\w:]*)$/.exec(text);
    return name ? { kind: "metric", word: name[1] } : null;
  };

  async function names(typing) {
    const match = typing.metric ? "?" + new URLSearchParams({ "match[]": typing.metric }) : "";
    const path = { metric: "/api/v1/label/__name__/values", label: "/api/v1/labels" + match, value: "/api/v1/label/" + typing.label + "/values" + match }[typing.kind];
    const before = kept.get(path);
    if (before && Date.now() - before.at < KEPT_MS) return before.names;
    const answer = await fetch(path);
    const found = answer.ok ? (await answer.json()).data : [];
    kept.set(path, { at: Date.now(), names: found });
    return found;
  }

  const WORDS = new Set(["and", "or", "unless", "bool", "offset", "inf", "nan", "atan2", "by", "without", "on", "ignoring", "group_left", "group_right", "anchored", "smoothed"]);

  // The metrics that a query names, without those that it selects by `__name__`.
  swell.metricsOf = function (query) {
    const plain = query.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g, "")
      .replace(/\{[^}]*\}|\[[^\]]*\]|\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, " ");
    const found = plain.match(/(?<![\w:.])[a-zA-Z_:][\w:]*(?![\w:]|\s*\()/g) || [];
    return [...new Set(found.filter((name) => !WORDS.has(name.toLowerCase())))];
  };

  // The metrics of a query that nobody has sent.
  swell.unknownMetrics = async function (query) {
    const known = new Set(await names({ kind: "metric" }));
    return swell.metricsOf(query).filter((name) => !known.has(name));
  };

  // Those that begin with the word first, then those that hold it; not what is already whole.
  swell.rank = function (found, word) {
    const low = word.toLowerCase();
    const holding = found.filter((name) => name !== word && name !== "__name__" && name.toLowerCase().includes(low));
    const begins = (name) => (name.toLowerCase().startsWith(low) ? 0 : 1);
    return holding.sort((a, b) => begins(a) - begins(b) || (a < b ? -1 : 1)).slice(0, MOST_OFFERS);
  };

  function close() {
    offers = [];
    chosen = -1;
    asked += 1;
    const list = document.getElementById("offers");
    if (list) list.remove();
    const box = document.getElementById("query");
    if (box) box.setAttribute("aria-expanded", "false");
  }

  function take(box, name, typing) {
    const at = box.selectionStart;
    const before = box.value.slice(0, at - typing.word.length) + name;
    const after = box.value.slice(at);
    const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set;
    set.call(box, before + after);
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.setSelectionRange(before.length, before.length);
    close();
  }

  function show(box, typing) {
    const list = document.createElement("ul");
    list.id = "offers";
    list.className = "offers";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Completions");
    list.append(...offers.map((name, i) => {
      const line = document.createElement("li");
      line.className = "offer";
      line.id = "offer-" + i;
      line.setAttribute("role", "option");
      line.setAttribute("aria-selected", String(i === chosen));
      line.textContent = name;
      line.addEventListener("mousedown", (event) => { event.preventDefault(); take(box, name, typing); });
      return line;
    }));
    const old = document.getElementById("offers");
    if (old) old.remove();
    box.closest(".query-box").appendChild(list);
    box.setAttribute("aria-expanded", "true");
    box.setAttribute("aria-controls", "offers");
    if (chosen < 0) box.removeAttribute("aria-activedescendant");
    else {
      box.setAttribute("aria-activedescendant", "offer-" + chosen);
      document.getElementById("offer-" + chosen).scrollIntoView({ block: "nearest" });
    }
  }

  async function offer(box) {
    const typing = swell.typing(box.value.slice(0, box.selectionStart));
    close();
    const mine = asked;
    if (!typing || (typing.kind === "metric" && typing.word.length < 2)) return;
    const found = swell.rank(await names(typing), typing.word);
    if (mine !== asked || !found.length || document.activeElement !== box) return;
    offers = found;
    show(box, typing);
  }

  function press(event) {
    const box = event.target;
    if (box.id !== "query" || !offers.length || event.shiftKey || event.ctrlKey) return;
    const typing = swell.typing(box.value.slice(0, box.selectionStart));
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) chosen = (chosen + steps[event.key] + offers.length + (chosen < 0 && event.key === "ArrowUp" ? 1 : 0)) % offers.length;
    else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0) take(box, offers[chosen], typing);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    if (offers.length) show(box, typing);
  }

  document.addEventListener("input", (event) => event.isTrusted && event.target.id === "query" && offer(event.target));
  document.addEventListener("keydown", press, true);
  document.addEventListener("focusout", (event) => event.target.id === "query" && close());
  document.addEventListener("keydown", (event) => event.target.id === "query" && event.key === "Enter" && (event.shiftKey || event.ctrlKey) && close());
})(window.swell);
