// Bars of one line each: whole ones, or made of parts that follow each other.
(() => {
  const report = window.parallaxReport;
  const { charts, text, table } = report;

  const ROW = 26;
  const sum = (parts) => parts.reduce((all, [, value]) => all + value, 0);

  function pieces(rows, names) {
    return rows.flatMap((row, index) =>
      row.parts
        .filter(([, value]) => value > 0)
        .map(([name, value]) => ({ ...row, index, name, value, look: charts.look(names.indexOf(name)) })),
    );
  }

  function draw({ rows, names, x, show }, width) {
    const { rowHeight, marginLeft, inset, y, mark } = charts.rowNames(
      rows.map((row) => row.label),
      width,
    );
    const parts = pieces(rows, names);
    return Plot.plot({
      width,
      height: rows.length * rowHeight + 60,
      marginLeft,
      marginRight: 76,
      marginTop: 10,
      marginBottom: 44,
      style: charts.STYLE,
      x: { label: x, tickFormat: text.tick(show), ticks: width < 480 ? 3 : 6, labelArrow: "none" },
      y: { ...y, padding: 0.28 },
      marks: [
        mark,
        Plot.gridX({ ticks: width < 480 ? 3 : 6, stroke: "var(--line)", strokeOpacity: 1 }),
        Plot.barX(
          parts,
          Plot.stackX({
            y: "index",
            x: "value",
            insetTop: inset,
            fill: { value: (part) => part.look.color, scale: null },
            stroke: "var(--surface)",
            strokeWidth: 1,
          }),
        ),
        Plot.text(rows, {
          y: (_, index) => index,
          x: (row) => sum(row.parts),
          text: (row) => show(sum(row.parts)),
          textAnchor: "start",
          dx: 6,
          dy: inset / 2,
        }),
        Plot.tip(
          parts,
          Plot.pointer(
            Plot.stackX({
              y: "index",
              x: "value",
              fill: "var(--surface)",
              title: (part) =>
                text.visible(`${part.label}\n${part.name}: ${show(part.value)}${part.says ? `\n${part.says}` : ""}`),
            }),
          ),
        ),
        Plot.ruleX([0]),
      ],
    });
  }

  function columns({ of, names, show, heads = [] }) {
    const value = (row, name) => row.parts.find((part) => part[0] === name)?.[1];
    return [
      { head: of, cell: (row) => (row.cell ? report.caseLink(row.cell, row.label) : row.label) },
      ...names.map((name) => ({
        head: name,
        number: true,
        cell: (row) => (value(row, name) === undefined ? text.NONE : show(value(row, name))),
      })),
      ...heads,
    ];
  }

  // `rows`: [{ label, parts: [[name, value]], cell, case }]; `of`: what a row is; `names`: every part's, in order; `show` writes a value.
  function parts(chart) {
    const entry = (name, index) => [name, charts.look(index)];
    return charts.figure({
      ...chart,
      height: chart.rows.length * ROW + 60,
      legend: chart.names.length > 1 ? charts.legend(chart.names.map(entry), "areas") : null,
      draw: (width) => draw(chart, width),
      table: () => table(chart.title, columns(chart), chart.rows, { hideCaption: true }),
    });
  }

  charts.parts = parts;
})();
