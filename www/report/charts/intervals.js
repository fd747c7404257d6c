// Values with their intervals: a chart of one line each, and the small one that stands in a table's cell.
(() => {
  const report = window.parallaxReport;
  const { charts, text, table, svg } = report;

  const ROW = 26;

  function draw({ rows, x }, width) {
    const { rowHeight, marginLeft, y, mark } = charts.rowNames(
      rows.map((row) => row.label),
      width,
    );
    const domain = charts.logDomain(rows.flatMap((row) => [row.low ?? row.median, row.high ?? row.median]));
    const ticks = charts.logTicks(domain, Math.floor((width - marginLeft - 84) / 70));
    return Plot.plot({
      width,
      height: rows.length * rowHeight + 60,
      marginLeft,
      marginRight: 84,
      marginTop: 10,
      marginBottom: 44,
      style: charts.STYLE,
      x: { type: "log", domain, ticks, tickFormat: text.tick(text.time), label: x },
      y,
      marks: [
        mark,
        Plot.gridX({ ticks, stroke: "var(--line)", strokeOpacity: 1 }),
        Plot.ruleY(rows.filter(text.isInterval), {
          y: (row) => rows.indexOf(row),
          x1: "low",
          x2: "high",
          stroke: "var(--accent)",
          strokeWidth: 5,
          strokeOpacity: 0.35,
          strokeLinecap: "round",
        }),
        Plot.dot(rows, { y: (_, index) => index, x: "median", r: 4, fill: "var(--accent)" }),
        Plot.text(rows, {
          y: (_, index) => index,
          x: domain[1],
          text: (row) => text.time(row.median),
          textAnchor: "start",
          dx: 8,
        }),
        Plot.tip(
          rows,
          Plot.pointerY({
            y: (_, index) => index,
            x: "median",
            fill: "var(--surface)",
            title: (row) => text.visible(`${row.label}\n${text.time(row.median)}, ${text.timeInterval(row)}`),
          }),
        ),
      ],
    });
  }

  // `rows`: [{ label, median, low, high, n, case, cell }] in milliseconds.
  function intervals(chart) {
    return charts.figure({
      ...chart,
      height: chart.rows.length * ROW + 60,
      draw: (width) => draw(chart, width),
      table: () =>
        table(
          chart.title,
          [
            { head: "target", cell: (row) => report.caseLink(row.cell, row.label) },
            { head: "median", number: true, cell: (row) => text.time(row.median) },
            { head: "interval (95 %)", number: true, cell: (row) => text.timeInterval(row) },
            { head: "samples", number: true, cell: (row) => text.digits(row.n) },
          ],
          chart.rows,
          { hideCaption: true },
        ),
    });
  }

  // A ratio on a small logarithmic scale that all rows of a table share, with a line at one. It is drawn beside the
  // numbers, and says nothing that they do not.
  const WIDTH = 150;
  const HEIGHT = 18;
  function ratioInterval({ ratio, low, high }, domain, kind) {
    const span = Math.log(domain[1] / domain[0]);
    const at = (value) => Math.max(3, Math.min(WIDTH - 3, (Math.log(value / domain[0]) / span) * WIDTH)).toFixed(1);
    const middle = HEIGHT / 2;
    return svg(
      "svg",
      {
        class: `interval ${kind}`,
        width: WIDTH,
        height: HEIGHT,
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        "aria-hidden": "true",
      },
      svg("line", { class: "one", x1: at(1), x2: at(1), y1: 0, y2: HEIGHT }),
      !text.isInterval({ low, high })
        ? null
        : svg("line", { class: "span", x1: at(low), x2: at(high), y1: middle, y2: middle }),
      svg("circle", { cx: at(ratio), cy: middle, r: 3.5 }),
    );
  }

  // Ends that are as far from one on either side, and no further than a few far-off ones would push them.
  function ratioDomain(rows) {
    const sizes = rows
      .map((row) => Math.abs(Math.log(row.ratio)))
      .filter(Number.isFinite)
      .sort((a, b) => a - b);
    const far = Math.max(Math.log(1.2), (sizes[Math.floor(sizes.length * 0.95)] ?? 0) * 1.15);
    return [Math.exp(-far), Math.exp(far)];
  }

  Object.assign(charts, { intervals, ratioInterval, ratioDomain });
})();
