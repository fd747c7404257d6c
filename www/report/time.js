// The section on where the time goes: of the sweep, of a case up to its first inference and after it, of the kernels;
// how it grows with the input; and the memory it takes.
(() => {
  const report = window.parallaxReport;
  const { el, text, charts, filters, table } = report;

  const MOST = 16;
  const label = (cell) => `${text.named(cell.model, cell.variant)} on ${cell.target}`;
  const nothing = (words) => el("p", { class: "nothing" }, words);

  function sweepTime({ sweep }) {
    const spent = sweep.time_spent;
    if (!spent) return null;
    const rows = spent.parts
      .filter(([, ms]) => ms > 0)
      .sort((a, b) => b[1] - a[1])
      .map(([part, ms]) => ({ label: part, parts: [["time", ms]], says: text.perCent(ms / spent.total_ms) }));
    const [first] = rows;
    return charts.parts({
      title: "Time of the whole sweep",
      of: "part",
      rows,
      names: ["time"],
      show: text.time,
      x: "time",
      says: `${text.time(spent.total_ms)} in all${first ? `, most of it ${first.label}` : ""}. The filters do not change this.`,
      heads: [{ head: "share", number: true, cell: (row) => row.says }],
    });
  }

  const START = [
    ["load", "load_ms"],
    ["compile", "compile_ms"],
    ["upload", "upload_ms"],
    ["first inference", "first_ms"],
    ["one more inference", null],
  ];

  function startParts(cell) {
    return START.map(([part, field]) => [part, field ? cell[field] : cell.latency?.median]).filter(([, ms]) => ms > 0);
  }

  function start({ cells }) {
    const rows = cells
      .map((cell) => ({ label: label(cell), cell, case: cell.case, parts: startParts(cell) }))
      .filter((row) => row.parts.length > 1);
    if (rows.length === 0) return nothing("No case has told how long it took to load or compile.");
    const all = (row) => d3.sum(row.parts, ([, ms]) => ms);
    rows.sort((a, b) => all(b) - all(a));
    const shown = rows.slice(0, MOST);
    return charts.parts({
      title: "From nothing to the first inference, and one after it",
      of: "case",
      rows: shown,
      names: START.map(([part]) => part),
      show: text.time,
      x: "time",
      says: `${shown.length < rows.length ? `The ${MOST} slowest of ${text.count(rows.length, "case")}; filters show others` : text.count(rows.length, "case")}. The slowest takes ${text.time(all(rows[0]))}.`,
    });
  }

  function firstAgainstSteady({ cells }) {
    const points = cells
      .filter((cell) => cell.first_ms > 0 && cell.latency?.median > 0)
      .map((cell) => ({
        x: cell.latency.median,
        y: cell.first_ms,
        group: filters.engineOf(cell.target),
        label: label(cell),
        says: `${text.ratio(cell.first_ms / cell.latency.median)} the steady time`,
        case: cell.case,
        cell,
      }));
    if (points.length === 0) return nothing("No case has both a first inference and a steady state.");
    const slower = d3.median(points, (point) => point.y / point.x);
    const groups = [...new Set(points.map((point) => point.group))].map((group) => ({ name: group }));
    return charts.scatter({
      title: "First inference against the steady state",
      x: "steady state",
      y: "first inference",
      points,
      groups,
      says: `${text.count(points.length, "case")}; the median first inference takes ${text.digits(slower)} times as long as a later one. On the diagonal, the first is no slower.`,
    });
  }

  let chosen = null;

  // One of several, by a choice above it.
  function choose(title, names, make) {
    const holder = el("div");
    const first = names.includes(chosen) ? chosen : names[0];
    const show = (value) => {
      charts.release(holder);
      holder.replaceChildren(make(value));
    };
    const select = el(
      "select",
      { onchange: (event) => show((chosen = event.target.value)) },
      names.map((value) => el("option", { value, selected: value === first }, value)),
    );
    show(first);
    return el("div", { class: "chosen" }, el("label", { class: "choose" }, `${title} `, select), holder);
  }

  function kernelChart(title, kernels, heading) {
    const rows = [...kernels].sort((a, b) => b.gpu_ms - a.gpu_ms);
    const shown = rows.slice(0, MOST);
    const says = `${text.count(rows.length, "kernel")}, ${text.time(d3.sum(rows, (row) => row.gpu_ms))} of GPU time${rows[0]?.adapter ? ` on ${rows[0].adapter}` : ""}. ${rows[0] ? `${rows[0].kernel} takes ${text.perCent(rows[0].share)} of it.` : ""}`;
    return charts.parts({
      title,
      says,
      heading,
      of: "kernel",
      names: ["GPU time"],
      show: text.time,
      x: "GPU time",
      rows: shown.map((row) => ({
        label: row.kernel,
        parts: [["GPU time", row.gpu_ms]],
        says: `${text.perCent(row.share)}, ${text.count(row.dispatches, "dispatch", "dispatches")}`,
        row,
      })),
      heads: [
        { head: "share", number: true, cell: ({ row }) => text.perCent(row.share) },
        { head: "dispatches", number: true, cell: ({ row }) => String(row.dispatches) },
      ],
    });
  }

  function kernels(view) {
    const rows = view.sweep.kernels.filter(view.hasModel);
    if (rows.length === 0) return nothing("No profile is stored for these cases: parallax profile makes one.");
    const groups = d3.group(rows, (row) => `${row.model} on ${row.target}`);
    return choose("Profile of", [...groups.keys()], (of) => kernelChart("Kernels by GPU time", groups.get(of)));
  }

  function scaling(view) {
    const rows = view.sweep.scaling.filter(view.hasModel);
    if (rows.length === 0) return [nothing("Nothing was run at several extents: --vary does so.")];
    const groups = [...d3.group(rows, (row) => JSON.stringify([row.model, row.dimension, row.others])).values()];
    const made = (lines) => {
      const [{ model, dimension, others }] = lines;
      return charts.growth({
        title: `${model} by ${dimension}`,
        heading: "h4",
        lines,
        dimension,
        says: `${text.count(lines.length, "target")}${others ? `, at ${others}` : ""}. Both axes are logarithmic.`,
      });
    };
    return report.some(groups, made, {
      first: 6,
      step: 12,
      holder: el("div", { class: "charts" }),
      what: "more charts",
    });
  }

  function memory({ cells }) {
    const rows = cells.filter((cell) => cell.memory_mb > 0).sort((a, b) => b.memory_mb - a.memory_mb);
    if (rows.length === 0) return nothing("No case has told how much memory it took.");
    const shown = rows.slice(0, MOST);
    return charts.parts({
      title: "Memory",
      of: "case",
      names: ["memory"],
      show: text.megabytes,
      x: "memory",
      says: `${shown.length < rows.length ? `The ${MOST} largest of ${text.count(rows.length, "case")}` : text.count(rows.length, "case")}; the largest takes ${text.megabytes(rows[0].memory_mb)}.`,
      rows: shown.map((cell) => ({ label: label(cell), cell, case: cell.case, parts: [["memory", cell.memory_mb]] })),
    });
  }

  function tokens({ cells }) {
    const rows = cells.filter((cell) => cell.tokens_per_s !== null);
    if (rows.length === 0) return null;
    return table(
      "Text generation",
      [
        { head: "case", cell: (cell) => report.caseLink(cell, label(cell)) },
        { head: "first token", number: true, cell: (cell) => text.time(cell.first_token_ms) },
        { head: "tokens per second", number: true, cell: (cell) => text.digits(cell.tokens_per_s) },
      ],
      [...rows].sort((a, b) => b.tokens_per_s - a.tokens_per_s),
      { first: 10, what: "more cases" },
    );
  }

  function render(view) {
    if (view.cells.length === 0)
      return [nothing(view.filtered ? "No case fits the filters." : "This sweep has no cases.")];
    return [
      start(view),
      firstAgainstSteady(view),
      tokens(view),
      kernels(view),
      el("h3", {}, "How it grows with the input"),
      scaling(view),
      memory(view),
      sweepTime(view),
    ];
  }

  charts.kernels = kernelChart;
  report.sections.push({ id: "time", render });
})();
