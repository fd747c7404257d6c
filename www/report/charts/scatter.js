// One time against another, both on logarithmic axes, with the diagonal where both take as long.
(() => {
  const report = window.parallaxReport;
  const { charts, text, table } = report;

  const tip = (point, x, y) =>
    [point.label, `${x}: ${text.time(point.x)}`, `${y}: ${text.time(point.y)}`, point.says]
      .filter(Boolean)
      .map(text.visible)
      .join("\n");

  function draw({ points, groups, x, y, corners, square }, width) {
    const side = Math.min(width, square ?? 460);
    const domain = charts.logDomain(points.flatMap((point) => [point.x, point.y]));
    const ticks = charts.logTicks(domain, Math.floor(side / 70));
    const axis = { type: "log", domain, ticks, tickFormat: text.tick(text.time) };
    const looks = new Map(groups.map((group, index) => [group.name, group.look ?? charts.look(index)]));
    const [low, high] = domain;
    return Plot.plot({
      width: side,
      height: side,
      marginLeft: 62,
      marginBottom: 48,
      marginRight: 16,
      style: charts.STYLE,
      x: { ...axis, label: text.short(x, 40) },
      y: { ...axis, label: text.short(y, 40) },
      marks: [
        Plot.gridX({ ticks, stroke: "var(--line)", strokeOpacity: 1 }),
        Plot.gridY({ ticks, stroke: "var(--line)", strokeOpacity: 1 }),
        Plot.line(
          [
            [low, low],
            [high, high],
          ],
          { stroke: "currentColor", strokeDasharray: "4 4", strokeOpacity: 0.7 },
        ),
        corner(corners?.above, low, high, "start"),
        corner(corners?.below, high, low, "end"),
        Plot.dot(points, {
          x: "x",
          y: "y",
          r: 4.5,
          stroke: "var(--surface)",
          strokeWidth: 0.8,
          symbol: { value: (point) => looks.get(point.group).shape, scale: null },
          fill: { value: (point) => looks.get(point.group).color, scale: null },
        }),
        Plot.tip(points, Plot.pointer({ x: "x", y: "y", title: (point) => tip(point, x, y), fill: "var(--surface)" })),
      ],
    });
  }

  // What it means to lie on that side of the diagonal.
  function corner(says, x, y, anchor) {
    if (!says) return null;
    const above = anchor === "start";
    return Plot.text([[x, y]], {
      text: () => text.short(says, 40),
      textAnchor: anchor,
      dx: above ? 8 : -8,
      dy: above ? 12 : -10,
      fill: "var(--quiet)",
      stroke: "var(--surface)",
      strokeWidth: 4,
    });
  }

  // `points`: [{ x, y, group, label, says, case }] in milliseconds; `groups`: [{ name, look }].
  function scatter(chart) {
    const cell = (point) => (point.cell ? report.caseLink(point.cell, point.label) : point.label);
    return charts.figure({
      ...chart,
      height: chart.square ?? 460,
      legend:
        chart.groups.length > 1
          ? charts.legend(chart.groups.map((group, index) => [group.name, group.look ?? charts.look(index)]))
          : null,
      draw: (width) => draw(chart, width),
      table: () =>
        table(
          chart.title,
          [
            { head: "model", cell },
            { head: chart.x, number: true, cell: (point) => text.time(point.x) },
            { head: chart.y, number: true, cell: (point) => text.time(point.y) },
            { head: "group", cell: (point) => point.group },
          ],
          chart.points,
          { hideCaption: true },
        ),
    });
  }

  charts.scatter = scatter;
})();
