// The section on what got worse: what the gate found against an earlier sweep, and the histories with their changes.
(() => {
  const report = window.parallaxReport;
  const { el, brief, some, text, table, charts, caseLink } = report;

  const found = (row) => [
    el(
      "span",
      { class: `comparison ${row.fails ? "fails" : "remark"}` },
      el("span", { "aria-hidden": "true" }, row.fails ? "✕ " : "· "),
      row.fails ? "fails: " : "remark: ",
      row.what,
    ),
  ];

  function findingTable(rows, caption) {
    return table(
      caption,
      [
        { head: "model", cell: (row) => brief(text.named(row.model, row.variant)) },
        { head: "target", cell: (row) => brief(row.target) },
        { head: "what", class: "words", cell: found },
        { head: "ratio", number: true, cell: (row) => (row.ratio === null ? text.NONE : text.ratio(row.ratio)) },
        {
          head: "95 % interval",
          number: true,
          cell: (row) => (row.ratio === null ? text.NONE : text.interval(row.low, row.high)),
        },
        { head: "since", cell: (row) => row.since ?? text.NONE },
        { head: "what changed", class: "words", cell: (row) => row.changed ?? "nothing that is known" },
      ],
      rows,
      { what: "more findings" },
    );
  }

  function gate(view) {
    const { findings } = view.sweep;
    if (!findings) return [el("p", { class: "nothing" }, "There is no earlier sweep to hold this one against.")];
    const rows = findings.rows.filter((row) => view.has(row)).sort((a, b) => Number(b.fails) - Number(a.fails));
    const passes = findings.verdict === "pass";
    const verdict = el(
      "p",
      { class: `gate ${passes ? "right" : "broken"}` },
      el("b", {}, passes ? "✓ The gate passes" : "✕ The gate fails"),
      ` against ${findings.against}.`,
    );
    if (rows.length) return [verdict, findingTable(rows, `Findings against ${findings.against}`)];
    return [
      verdict,
      el(
        "p",
        { class: "nothing" },
        view.filtered && findings.rows.length
          ? "No finding fits the filters."
          : "Nothing differs that is worth a word.",
      ),
    ];
  }

  const newest = (history) => Math.max(...history.changes.map((change) => change.at - history.points.length));
  const growth = (history) => Math.max(...history.changes.map((change) => change.ratio));

  function one(history, cells) {
    const cell = cells.get(history.case);
    const made = charts.history(`${text.named(history.model, history.variant)} on ${history.target}`, history, "h4");
    return el("div", {}, made, cell ? el("p", {}, caseLink(cell, "Open this case")) : null);
  }

  function histories(view) {
    const cells = new Map(view.sweep.cells.map((cell) => [cell.case, cell]));
    const rows = view.sweep.histories.filter((history) => history.changes.length && view.has(history));
    if (rows.length === 0) {
      return [
        el(
          "p",
          { class: "nothing" },
          view.filtered && view.sweep.histories.length
            ? "No history with a change fits the filters."
            : "No history shows a change: either nothing changed, or there are too few sweeps to tell.",
        ),
      ];
    }
    rows.sort(
      (a, b) => Number(growth(b) > 1) - Number(growth(a) > 1) || newest(b) - newest(a) || growth(b) - growth(a),
    );
    return [
      el(
        "p",
        {},
        `${text.count(rows.length, "history has", "histories have")} a lasting change. Slowdowns come first.`,
      ),
      some(rows, (history) => one(history, cells), {
        first: 6,
        step: 12,
        holder: el("div", { class: "charts" }),
        what: "more histories",
      }),
    ];
  }

  const render = (view) => [...gate(view), el("h3", {}, "Histories"), ...histories(view)];

  report.sections.push({ id: "worse", render });
})();
