// Every sample of a metric in the order they were taken: warm-up apart, outliers marked, the median as a line.
(() => {
  const report = window.parallaxReport;
  const { charts, text, table } = report;

  const LOOKS = {
    "warm-up": { color: "var(--series-2)", shape: d3.symbolSquare },
    measured: { color: "var(--series-1)", shape: d3.symbolCircle },
    outlier: { color: "var(--broken)", shape: d3.symbolCross },
  };

  // Warm-up lies left of zero, however long it was.
  function points(series) {
    return series
      .flatMap(({ phase, values, outliers }) => {
        const marked = new Set(outliers);
        return values.map((value, index) => ({
          value,
          phase,
          at: phase === "warm-up" ? index - values.length : index + 1,
          kind: marked.has(index) ? "outlier" : phase === "warm-up" ? phase : "measured",
        }));
      })
      .filter((point) => Number.isFinite(point.value));
  }

  function draw(metric, all, width) {
    const measured = all.filter((point) => point.phase === "measured").map((point) => point.value);
    const warmed = all.some((point) => point.phase === "warm-up");
    const show = (value) => text.quantity(metric, value);
    const of = (field) => ({ value: (point) => LOOKS[point.kind][field], scale: null });
    return Plot.plot({
      width,
      height: 240,
      marginLeft: 72,
      marginRight: 16,
      marginBottom: 44,
      style: charts.STYLE,
      x: {
        label: warmed ? "sample; warm-up left of the line" : "sample",
        labelArrow: "none",
        tickFormat: (at) => (at < 0 ? "" : String(at)),
        ticks: width < 480 ? 4 : 8,
      },
      y: { label: null, tickFormat: text.tick(show), ticks: 5, nice: true, zero: false },
      marks: [
        Plot.gridY({ ticks: 5, stroke: "var(--line)", strokeOpacity: 1 }),
        warmed ? Plot.ruleX([0], { stroke: "currentColor", strokeOpacity: 0.5 }) : null,
        measured.length ? Plot.ruleY([d3.median(measured)], { stroke: "var(--accent)", strokeDasharray: "4 4" }) : null,
        Plot.dot(all, { x: "at", y: "value", r: 3, fill: of("color"), symbol: of("shape"), fillOpacity: 0.8 }),
        Plot.tip(
          all,
          Plot.pointer({
            x: "at",
            y: "value",
            fill: "var(--surface)",
            title: (point) =>
              `${point.kind === "outlier" ? `outlier, ${point.phase}` : point.phase}\n${show(point.value)}`,
          }),
        ),
      ],
    });
  }

  function says(series, all) {
    const ofPhase = (phase) => series.filter((one) => one.phase === phase);
    const outliers = all.filter((point) => point.kind === "outlier").length;
    const parts = series.map((one) => {
      const part = one.of && one.of > one.values.length ? ` of ${one.of.toLocaleString("en")}, evenly taken` : "";
      return `${one.values.length.toLocaleString("en")}${part} ${one.phase === "warm-up" ? "in the warm-up, which does not count" : "measured"}`;
    });
    const marked = ofPhase("measured").length ? `; ${outliers ? text.count(outliers, "outlier") : "no outliers"}` : "";
    return `${parts.join(", ")}${marked}. The broken line is the median.`;
  }

  // `series`: those of one metric, [{ metric, phase, values, outliers }].
  function samples(metric, series, heading) {
    const all = points(series);
    const kinds = Object.keys(LOOKS).filter((kind) => all.some((point) => point.kind === kind));
    const title = `Samples of ${text.metricName(metric)}`;
    return charts.figure({
      title,
      heading,
      says: says(series, all),
      height: 240,
      legend: kinds.length > 1 ? charts.legend(kinds.map((kind) => [kind, LOOKS[kind]])) : null,
      draw: (width) => draw(metric, all, width),
      table: () =>
        table(
          title,
          [
            { head: "sample", number: true, cell: (point) => String(point.at) },
            { head: "value", number: true, cell: (point) => text.quantity(metric, point.value) },
            { head: "phase", cell: (point) => point.phase },
            { head: "outlier", cell: (point) => (point.kind === "outlier" ? "yes" : "") },
          ],
          all,
          { hideCaption: true, first: 50 },
        ),
    });
  }

  charts.samples = samples;
})();
