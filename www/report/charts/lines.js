// Lines: a case over time with its change points, and a latency over growing inputs.
(() => {
  const report = window.parallaxReport;
  const { charts, text, table } = report;

  const HEIGHT = 220;
  const direction = (ratio) => (ratio >= 1 ? "slower" : "faster");
  const changeSays = (change) =>
    `${text.ratio(change.ratio)} the time (${text.interval(change.low, change.high)}): ${change.changed || "nothing that is known changed"}`;
  const dated = (at) => (at ? at.slice(0, 10) : "");

  function marksOf({ points, changes }) {
    const line = points.map(([at, ms, commit]) => ({ at: new Date(at), ms, commit }));
    const marked = changes.filter((change) => line[change.at]).map((change) => ({ ...change, ...line[change.at] }));
    return { line, marked };
  }

  const color = (change) => (change.ratio >= 1 ? "var(--broken)" : "var(--right)");

  function drawHistory(history, width) {
    const { line, marked } = marksOf(history);
    const top = Math.max(...line.map((point) => point.ms));
    const ticks = width < 420 ? 3 : 6;
    return Plot.plot({
      width,
      height: HEIGHT,
      marginLeft: 64,
      marginRight: 20,
      marginTop: 28,
      marginBottom: 32,
      style: charts.STYLE,
      x: { type: "utc", label: null, ticks },
      y: { domain: [0, top * 1.15], label: null, tickFormat: text.tick(text.time), ticks: 4 },
      marks: [
        Plot.gridY({ ticks: 4, stroke: "var(--line)", strokeOpacity: 1 }),
        Plot.ruleX(marked, {
          x: "at",
          stroke: { value: color, scale: null },
          strokeWidth: 1.5,
          strokeDasharray: "3 3",
        }),
        Plot.text(marked, {
          x: "at",
          frameAnchor: "top",
          dy: -16,
          text: (change) => `${change.ratio >= 1 ? "▲" : "▼"} ${text.ratio(change.ratio)}`,
          fill: { value: color, scale: null },
          fontWeight: 600,
        }),
        Plot.line(line, { x: "at", y: "ms", stroke: "var(--accent)", strokeWidth: 1.5 }),
        Plot.dot(line, { x: "at", y: "ms", r: 2.2, fill: "var(--accent)" }),
        Plot.tip(
          line,
          Plot.pointerX({
            x: "at",
            y: "ms",
            fill: "var(--surface)",
            title: (point) =>
              text.visible(
                [text.date(point.at.toISOString()), text.time(point.ms), point.commit && `commit ${point.commit}`]
                  .filter(Boolean)
                  .join("\n"),
              ),
          }),
        ),
      ],
    });
  }

  function historyTable(title, { points, changes }) {
    const change = new Map(changes.map((found) => [found.at, found]));
    const rows = points.map(([at, ms, commit], index) => ({ at, ms, commit, change: change.get(index) })).reverse();
    return table(
      title,
      [
        { head: "when", cell: (row) => text.date(row.at) },
        { head: "median", number: true, cell: (row) => text.time(row.ms) },
        { head: "commit", cell: (row) => row.commit ?? text.NONE },
        { head: "change", cell: (row) => (row.change ? changeSays(row.change) : "") },
      ],
      rows,
      { hideCaption: true },
    );
  }

  // `points`: [[when, ms, commit]]; `changes`: [{ at: index, ratio, low, high, run, changed }].
  function history(title, its, heading) {
    const says = its.changes.length
      ? its.changes.map(
          (change) => `${dated(its.points[change.at]?.[0])} ${direction(change.ratio)}, ${changeSays(change)}`,
        )
      : `${text.count(its.points.length, "earlier measurement")}, none of which marks a change.`;
    return charts.figure({
      title,
      says,
      heading,
      height: HEIGHT,
      draw: (width) => drawHistory(its, width),
      table: () => historyTable(title, its),
    });
  }

  function drawGrowth({ lines, dimension }, width) {
    const points = lines.flatMap((line, index) =>
      line.points.map(([extent, ms, rate]) => ({ line: line.target, extent, ms, rate, look: charts.look(index) })),
    );
    const extents = [...new Set(points.map((point) => point.extent))].sort((a, b) => a - b);
    const domain = charts.logDomain(points.map((point) => point.ms));
    const ticks = charts.logTicks(domain, 5);
    const looks = { stroke: { value: (point) => point.look.color, scale: null } };
    return Plot.plot({
      width,
      height: 300,
      marginLeft: 64,
      marginRight: 20,
      marginBottom: 46,
      style: charts.STYLE,
      x: {
        type: extents[0] > 0 ? "log" : "linear",
        base: 2,
        ticks: extents,
        tickFormat: text.tick(text.digits),
        label: text.short(dimension),
      },
      y: { type: "log", domain, ticks, tickFormat: text.tick(text.time), label: "latency" },
      marks: [
        Plot.gridY({ ticks, stroke: "var(--line)", strokeOpacity: 1 }),
        Plot.line(points, { x: "extent", y: "ms", z: "line", strokeWidth: 1.6, ...looks }),
        Plot.dot(points, {
          x: "extent",
          y: "ms",
          r: 3.5,
          fill: looks.stroke,
          symbol: { value: (point) => point.look.shape, scale: null },
        }),
        Plot.tip(
          points,
          Plot.pointer({
            x: "extent",
            y: "ms",
            fill: "var(--surface)",
            title: (point) =>
              text.visible(
                `${point.line}\n${dimension} ${point.extent}: ${text.time(point.ms)}${point.rate ? `\n${text.digits(point.rate)} /s` : ""}`,
              ),
          }),
        ),
      ],
    });
  }

  // `lines`: [{ target, points: [[extent, ms, per second]] }] over one dimension.
  function growth(chart) {
    const rows = chart.lines.flatMap((line) => line.points.map((point) => [line.target, ...point]));
    return charts.figure({
      ...chart,
      height: 300,
      legend: charts.legend(chart.lines.map((line, index) => [line.target, charts.look(index)])),
      draw: (width) => drawGrowth(chart, width),
      table: () =>
        table(
          chart.title,
          [
            { head: "target", cell: (row) => row[0] },
            { head: chart.dimension, number: true, cell: (row) => String(row[1]) },
            { head: "latency", number: true, cell: (row) => text.time(row[2]) },
            { head: "per second", number: true, cell: (row) => text.digits(row[3]) },
          ],
          rows,
          { hideCaption: true },
        ),
    });
  }

  Object.assign(charts, { history, growth, changeSays });
})();
