// The page of models by targets: a table of the cells in its data, filtered by the address, each with what is known of it.
// Text from the data enters the page as text alone.
(() => {
  "use strict";

  const { cells, baseline } = JSON.parse(document.getElementById("data").textContent);
  const FILTERS = ["family", "modality", "precision", "engine", "browser", "hardware"];
  const UNKNOWN = "not known";
  const chosen = new URLSearchParams(location.search);
  cells.forEach((cell, index) => (cell.id = `cell-${index}`));

  function make(name, text, attributes = {}) {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  }

  const each = (values) => [...new Set(values)].sort();
  const valueOf = (cell, filter) => cell[filter] ?? UNKNOWN;
  const column = (cell) => `${cell.place}\n${cell.hardware ?? UNKNOWN}`;
  const isShown = (cell) => FILTERS.every((name) => !chosen.get(name) || valueOf(cell, name) === chosen.get(name));

  // Three digits, in the unit that suits.
  function time(ms) {
    const [value, unit] = ms >= 1000 ? [ms / 1000, "s"] : ms >= 1 ? [ms, "ms"] : [ms * 1000, "µs"];
    return `${Number(value.toPrecision(3))} ${unit}`;
  }

  const interval = (low, high, write) => (low === null || high === null ? "" : ` [${write(low)}, ${write(high)}]`);
  const times = (ratio) => `×${Number(ratio.toPrecision(3))}`;

  function filters() {
    const form = document.getElementById("filters");
    for (const name of FILTERS) {
      const label = make("label", name);
      const select = make("select", undefined, { name });
      select.append(make("option", "all", { value: "" }));
      for (const value of each(cells.map((cell) => valueOf(cell, name)))) {
        select.append(make("option", value, { value }));
      }
      select.value = chosen.get(name) ?? "";
      select.addEventListener("change", () => choose(name, select.value));
      label.append(select);
      form.append(label);
    }
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  function choose(name, value) {
    if (value) chosen.set(name, value);
    else chosen.delete(name);
    remember();
    draw();
  }

  function remember() {
    const query = chosen.toString();
    try {
      history.replaceState(null, "", (query ? `?${query}` : location.pathname) + location.hash);
    } catch {
      // A page opened as a file may not change its address in every browser; the filters work all the same.
    }
  }

  function draw() {
    const shown = cells.filter(isShown);
    const columns = each(shown.map(column));
    const rows = sorted(each(shown.map((cell) => cell.subject)), shown);
    const found = new Map(shown.map((cell) => [`${cell.subject}\n${column(cell)}`, cell]));
    const table = make("table");
    const head = make("tr");
    head.append(heading("model", "model", ""), ...columns.map((name) => heading(name, ...name.split("\n"))));
    const top = make("thead");
    top.append(head);
    const body = make("tbody");
    for (const subject of rows) {
      const row = make("tr");
      row.append(make("th", subject, { scope: "row" }), ...columns.map((name) => entry(found.get(`${subject}\n${name}`))));
      body.append(row);
    }
    table.append(top, body);
    document.getElementById("table").replaceChildren(table);
    document.getElementById("count").textContent =
      `${shown.length} of ${cells.length} results: ${rows.length} models in ${columns.length} places`;
  }

  function heading(key, name, hardware) {
    const [by, direction] = sorting();
    const state = by === key ? direction : "none";
    const th = make("th", undefined, { scope: "col", "aria-sort": state });
    const button = make("button", name + { none: "", ascending: " ↑", descending: " ↓" }[state], { type: "button" });
    if (hardware) button.append(make("small", hardware));
    button.addEventListener("click", () => {
      chosen.set("sort", key);
      chosen.set("order", state === "ascending" ? "descending" : "ascending");
      remember();
      draw();
      [...document.querySelectorAll("th button")].find((other) => other.dataset.key === key)?.focus();
    });
    button.dataset.key = key;
    th.append(button);
    return th;
  }

  const sorting = () => [chosen.get("sort") ?? "model", chosen.get("order") ?? "ascending"];

  // By name, or by the time in a column: what has none comes last.
  function sorted(subjects, shown) {
    const [by, direction] = sorting();
    const sign = direction === "descending" ? -1 : 1;
    if (by === "model") return sign < 0 ? subjects.reverse() : subjects;
    const taken = new Map(shown.filter((cell) => column(cell) === by).map((cell) => [cell.subject, cell.latency_ms]));
    const known = (subject) => typeof taken.get(subject) === "number";
    return subjects.sort((a, b) => {
      if (known(a) && known(b)) return sign * (taken.get(a) - taken.get(b));
      return known(b) - known(a);
    });
  }

  function entry(cell) {
    if (!cell) return make("td", "–");
    const td = make("td");
    const passed = cell.verdict === "pass" && cell.latency_ms !== null;
    const link = make("a", passed ? time(cell.latency_ms) : cell.verdict, { href: `#${cell.id}`, id: `to-${cell.id}` });
    if (!passed) link.className = cell.verdict;
    td.append(link);
    if (cell.speed_up !== null) td.append(make("small", times(cell.speed_up)));
    if (cell.software) td.append(make("small", "on a CPU"));
    return td;
  }

  function details() {
    const section = document.getElementById("details");
    const cell = cells.find((known) => `#${known.id}` === location.hash);
    section.hidden = !cell;
    if (!cell) return;
    const list = make("dl");
    for (const [name, value] of facts(cell)) {
      if (value !== null && value !== undefined && value !== "") list.append(make("dt", name), make("dd", String(value)));
    }
    const back = make("a", "Back to its cell", { href: `#to-${cell.id}` });
    section.replaceChildren(make("h2", `${cell.subject} on ${cell.place}`), list, back);
    section.scrollIntoView();
    section.focus();
  }

  function facts(cell) {
    const latency = cell.latency_ms === null ? null : time(cell.latency_ms) + interval(cell.latency_low_ms, cell.latency_high_ms, time);
    const speedUp = cell.speed_up === null ? cell.not_compared : times(cell.speed_up) + interval(cell.speed_up_low, cell.speed_up_high, times);
    return [
      ["verdict", cell.verdict],
      ["why", cell.message],
      ["latency, with its 95 % interval", latency],
      ["samples", cell.samples],
      [`so many times as fast as ${baseline} in the same run`, speedUp],
      ["computed by", cell.hardware],
      ["a CPU in place of a GPU", cell.software ? "yes" : null],
      ["browser", cell.browser && `${cell.browser} ${cell.browser_version ?? ""}`],
      ["driver", cell.driver_version],
      ["Parallax", cell.parallax],
      ["begun at", cell.started_at],
      ["run", cell.run],
      ["runs that have it", cell.runs],
    ];
  }

  document.getElementById("about").textContent =
    `Each cell is the latest result of a model in a place on one kind of hardware: how it ended, what an inference takes, ` +
    `and how many times as fast as ${baseline} it was in the same run.`;
  filters();
  draw();
  details();
  addEventListener("hashchange", details);
})();
