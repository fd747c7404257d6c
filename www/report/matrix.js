// Models from top to bottom, targets from left to right: how each case ended and what an inference takes. The shade
// says how close to the fastest of its row it is; arrows walk the grid, Enter opens a case.
(() => {
  const report = window.parallaxReport;
  const { el, name, text, verdicts, caseLink, scroller, filters } = report;

  const NOTHING = "·";
  // Beyond this many times the best of its row, a shade gets no fainter.
  const FAINTEST = 8;
  // Columns of one width: a browser then need not look into every cell to lay the table out.
  const HEAD_REM = 11;
  const COLUMN_REM = 7.1;
  const MARKS = [
    ["°", "on a CPU", (cell) => cell.software === true],
    ["↪", "in part or wholly on another engine", (cell) => cell.fell_back || cell.nodes_elsewhere > 0],
    ["~", "passed only when tried again", (cell) => cell.flaky],
  ];

  // What makes a column: a target, and the adapter that was chosen where a target was run on more than one.
  function columns(cells, targets) {
    const found = new Map();
    for (const cell of cells) {
      const key = JSON.stringify([cell.target, cell.adapter_choice]);
      if (!found.has(key)) found.set(key, { key, target: cell.target, choice: cell.adapter_choice });
    }
    const order = new Map(targets.map((target, index) => [target, index]));
    return [...found.values()].sort((a, b) => (order.get(a.target) ?? 1e9) - (order.get(b.target) ?? 1e9));
  }

  const columnKey = (cell) => JSON.stringify([cell.target, cell.adapter_choice]);

  // What makes a row: a model, what was varied, its precision; a second case for the same place gets a row of its own.
  function rows(cells, models) {
    const found = new Map();
    for (const cell of cells) {
      for (let copy = 0; ; copy += 1) {
        const key = JSON.stringify([cell.model, cell.variant, cell.precision, copy]);
        if (!found.has(key))
          found.set(key, { model: cell.model, variant: cell.variant, precision: cell.precision, at: new Map() });
        const { at } = found.get(key);
        if (at.has(columnKey(cell))) continue;
        at.set(columnKey(cell), cell);
        break;
      }
    }
    const order = new Map(models.map((model, index) => [model, index]));
    return [...found.values()].sort((a, b) => (order.get(a.model) ?? 1e9) - (order.get(b.model) ?? 1e9));
  }

  const ranRight = (cell) => cell.verdict === "pass" && cell.latency;

  function best(row) {
    const times = [...row.at.values()].filter(ranRight).map((cell) => cell.latency.median);
    return times.length > 1 ? Math.min(...times) : null;
  }

  // 1 for the fastest of its row, 0 for the faintest.
  function speed(cell, fastest) {
    if (!fastest || !ranRight(cell)) return null;
    return Math.max(0, 1 - Math.log(cell.latency.median / fastest) / Math.log(FAINTEST));
  }

  const FASTEST = ["★", "fastest of its row"];

  // A cell in signs for the eye, and in words for everyone else. Few elements, since there are many cells.
  function gridCell(row, column, fastest) {
    const cell = row.at.get(column.key);
    if (!cell) return el("td", { role: "gridcell", class: "none", tabindex: "-1", "aria-label": "not run" }, NOTHING);
    const { sign, word, kind } = verdicts.of(cell.verdict);
    const first = ranRight(cell) && cell.latency.median === fastest;
    const marks = [...MARKS.filter(([, , has]) => has(cell)), ...(first ? [FASTEST] : [])];
    const time = cell.verdict === "pass" && cell.latency ? text.time(cell.latency.median) : null;
    const link = caseLink(cell, [
      el("span", { class: "sign" }, sign),
      [time ?? word, ...marks.map(([mark]) => mark)].join(" "),
    ]);
    link.setAttribute("aria-label", [word, time, ...marks.map(([, says]) => says)].filter(Boolean).join(", "));
    link.tabIndex = -1;
    const made = el("td", { role: "gridcell", class: kind }, link);
    const shade = speed(cell, fastest);
    if (shade !== null) made.style.setProperty("--speed", shade.toFixed(2));
    return made;
  }

  function rowOf(row, heads, several) {
    const fastest = best(row);
    return el(
      "tr",
      {},
      el(
        "th",
        { scope: "row", role: "rowheader", title: text.visible(row.model) },
        name(text.short(row.model, 34)),
        row.variant ? el("span", { class: "under" }, row.variant) : null,
        several ? el("span", { class: "under" }, row.precision) : null,
      ),
      heads.map((column) => gridCell(row, column, fastest)),
    );
  }

  function headOf(column, choices) {
    const at = filters.browserOf(column.target);
    return el(
      "th",
      { scope: "col", role: "columnheader", title: text.visible(column.target) },
      el("span", {}, text.short(filters.engineOf(column.target), 18)),
      el("span", { class: "under" }, at === "native" ? "native" : `@${text.short(at, 18)}`),
      choices > 1 ? el("span", { class: "under" }, column.choice) : null,
    );
  }

  // Where the arrows lead from a place of the grid.
  const STEPS = {
    ArrowRight: (y, x) => [y, x + 1],
    ArrowLeft: (y, x) => [y, x - 1],
    ArrowDown: (y, x) => [y + 1, x],
    ArrowUp: (y, x) => [y - 1, x],
    PageDown: (y, x) => [y + 10, x],
    PageUp: (y, x) => [y - 10, x],
    Home: (y) => [y, 0],
    End: (y) => [y, Infinity],
  };

  const within = (value, size) => Math.max(0, Math.min(size - 1, value));
  const stop = (td) => td.querySelector("a") ?? td;
  const bodyRows = (grid) => [...grid.tBodies[0].rows];
  let place = [0, 0];

  function focusable(grid, [y, x]) {
    const all = bodyRows(grid);
    if (all.length === 0) return null;
    const row = all[within(y, all.length)];
    const cells = row.querySelectorAll("td");
    return stop(cells[within(x, cells.length)]);
  }

  function placeOf(grid, td) {
    return [bodyRows(grid).indexOf(td.parentElement), [...td.parentElement.querySelectorAll("td")].indexOf(td)];
  }

  // One cell of the grid is a stop of the tab key: the one that had the focus last.
  function rove(grid) {
    let current = focusable(grid, place);
    if (current) current.tabIndex = 0;
    grid.addEventListener("focusin", ({ target }) => {
      const td = target.closest("td");
      if (!td) return;
      if (current) current.tabIndex = -1;
      current = stop(td);
      current.tabIndex = 0;
      place = placeOf(grid, td);
    });
    grid.addEventListener("keydown", (event) => {
      const td = event.target.closest("td");
      const step = STEPS[event.key];
      if (!td || !step || event.altKey || event.metaKey) return;
      event.preventDefault();
      const [y, x] = step(...placeOf(grid, td));
      const ends = event.ctrlKey && (event.key === "Home" ? [0, 0] : event.key === "End" ? [Infinity, Infinity] : null);
      const next = focusable(grid, ends || [y, x]);
      next.focus({ preventScroll: true });
      next.scrollIntoView({ block: "nearest", inline: "nearest" });
    });
  }

  function legend() {
    const words = verdicts.ORDER.map((verdict) => el("li", {}, verdicts.badge(verdict)));
    const marks = MARKS.map(([mark, says]) => el("li", {}, el("b", {}, mark), ` ${says}`));
    const shades = el(
      "li",
      { class: "shades" },
      el("i", {}),
      el("i", {}),
      el("i", {}),
      " slower to faster, within a row",
    );
    return el("ul", { class: "legend" }, shades, el("li", {}, el("b", {}, "★"), " fastest of its row"), marks, words);
  }

  function grid(view) {
    const heads = columns(view.cells, view.sweep.targets);
    const lines = rows(view.cells, view.sweep.models);
    const precisions = new Map();
    for (const { model, precision } of lines)
      precisions.set(model, (precisions.get(model) ?? new Set()).add(precision));
    const choices = new Map();
    for (const { target } of heads) choices.set(target, (choices.get(target) ?? 0) + 1);
    const made = el(
      "table",
      { class: "matrix", role: "grid", "aria-labelledby": "matrix-title", "aria-describedby": "matrix-says" },
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("th", { scope: "col", role: "columnheader" }, "Model"),
          heads.map((column) => headOf(column, choices.get(column.target))),
        ),
      ),
      el(
        "tbody",
        {},
        lines.map((row) => rowOf(row, heads, precisions.get(row.model).size > 1)),
      ),
    );
    made.style.width = `${HEAD_REM + heads.length * COLUMN_REM}rem`;
    rove(made);
    const box = scroller("Models by targets", made);
    box.removeAttribute("tabindex");
    return box;
  }

  let chosen = null;

  // The latencies of one model on all targets, with their intervals.
  function byTarget(view) {
    const measured = view.cells.filter((cell) => cell.latency && cell.latency.median > 0);
    const names = [...new Set(measured.map((cell) => text.named(cell.model, cell.variant)))];
    if (names.length === 0) return null;
    const holder = el("div");
    const show = (label) => {
      report.charts.release(holder);
      holder.replaceChildren(
        oneModel(
          measured.filter((cell) => text.named(cell.model, cell.variant) === label),
          label,
        ),
      );
    };
    const first = names.includes(chosen) ? chosen : names[0];
    const select = el(
      "select",
      { onchange: (event) => show((chosen = event.target.value)) },
      names.map((label) => el("option", { value: label, selected: label === first }, label)),
    );
    show(first);
    return el("div", { class: "chosen" }, el("label", { class: "choose" }, "Model ", select), holder);
  }

  function oneModel(cells, label) {
    const rows = cells
      .map((cell) => ({ label: cell.target, ...cell.latency, cell, case: cell.case }))
      .sort((a, b) => a.median - b.median);
    const [fastest] = rows;
    const overlap = rows.filter((row) => row !== fastest && text.isInterval(row) && row.low <= fastest.high).length;
    const doubt = overlap
      ? ` The ${overlap === 1 ? "interval of one other overlaps" : `intervals of ${overlap} others overlap`} with its own.`
      : "";
    return report.charts.intervals({
      title: "Latency by target",
      x: `latency of ${text.short(label)}, 95 % interval`,
      rows,
      says: `${label}: fastest on ${fastest.label}, ${text.time(fastest.median)} an inference.${doubt}`,
    });
  }

  function render(view) {
    if (view.cells.length === 0)
      return [el("p", { class: "nothing" }, view.filtered ? "No case fits the filters." : "This sweep has no cases.")];
    return [
      el(
        "p",
        { id: "matrix-says", class: "quiet" },
        "The median time of an inference in the steady state. Arrow keys walk the table; Enter opens a case.",
      ),
      grid(view),
      legend(),
      byTarget(view),
    ];
  }

  report.sections.push({ id: "matrix", render });
})();
