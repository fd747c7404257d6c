// The section on what is faster: pairs of targets summed up, model by model with their intervals, and as points.
(() => {
  const report = window.parallaxReport;
  const { el, brief, some, text, table, charts, filters } = report;

  const KINDS = [
    ["browsers", "Browser against browser"],
    ["native", "Native against browser"],
  ];

  // The verdict of a comparison, in words; `a` and `b` are targets, the ratio is b's time over a's.
  function words({ a, b, ratio, verdict }) {
    switch (verdict) {
      case "a-faster":
        return `${text.short(a, 36)} is ${text.digits(ratio)} times as fast`;
      case "b-faster":
        return `${text.short(b, 36)} is ${text.digits(1 / ratio)} times as fast`;
      case "same":
        return "as fast as each other";
      default:
        return "not sure";
    }
  }

  const LOOKS = {
    "a-faster": { color: "var(--series-1)", shape: d3.symbolCircle },
    "b-faster": { color: "var(--series-2)", shape: d3.symbolTriangle },
    same: { color: "var(--series-3)", shape: d3.symbolSquare },
    "not-sure": { color: "var(--quiet)", shape: d3.symbolCross },
  };
  const inWords = (verdict, { a, b }) =>
    ({ "a-faster": `${a} is faster`, "b-faster": `${b} is faster`, same: "the same" })[verdict] ?? "not sure";

  function pairs(comparisons) {
    const found = new Map();
    for (const row of comparisons) {
      const key = JSON.stringify([row.a, row.b]);
      if (!found.has(key)) found.set(key, { a: row.a, b: row.b, rows: [] });
      found.get(key).rows.push(row);
    }
    return [...found.values()].sort((one, other) => other.rows.length - one.rows.length);
  }

  const counted = (pair, verdict) => pair.rows.filter((row) => row.verdict === verdict).length;
  const middle = (pair) =>
    Math.exp(
      d3.mean(
        pair.rows.filter((row) => row.ratio > 0),
        (row) => Math.log(row.ratio),
      ),
    );

  function overall(pair) {
    const [a, b] = [counted(pair, "a-faster"), counted(pair, "b-faster")];
    if (a === 0 && b === 0) return "no model shows a difference";
    if (b === 0) return `${pair.a} wherever there is a difference`;
    if (a === 0) return `${pair.b} wherever there is a difference`;
    return a === b ? "it depends on the model" : `${a > b ? pair.a : pair.b} more often`;
  }

  const pairTable = (title, found) =>
    table(
      title,
      [
        { head: "a", cell: (pair) => brief(pair.a) },
        { head: "b", cell: (pair) => brief(pair.b) },
        { head: "faster", class: "words", cell: (pair) => overall(pair) },
        { head: "models", number: true, cell: (pair) => String(pair.rows.length) },
        { head: "a faster", number: true, cell: (pair) => String(counted(pair, "a-faster")) },
        { head: "b faster", number: true, cell: (pair) => String(counted(pair, "b-faster")) },
        { head: "same", number: true, cell: (pair) => String(counted(pair, "same")) },
        { head: "not sure", number: true, cell: (pair) => String(counted(pair, "not-sure")) },
        { head: "mean ratio", number: true, cell: (pair) => text.ratio(middle(pair)) },
      ],
      found,
      { first: 12, what: "more pairs" },
    );

  function modelTable(title, comparisons) {
    const domain = charts.ratioDomain(comparisons);
    return table(
      title,
      [
        { head: "model", cell: (row) => brief(text.named(row.model, row.variant)) },
        {
          head: "verdict",
          class: "words",
          cell: (row) => [
            el("span", { class: `comparison ${row.verdict}` }, words(row)),
            row.why ? el("span", { class: "under" }, row.why) : null,
          ],
        },
        { head: "ratio", number: true, cell: (row) => text.ratio(row.ratio) },
        {
          head: "95 % interval",
          cell: (row) =>
            el(
              "span",
              { class: "with-interval" },
              charts.ratioInterval(row, domain, row.verdict),
              el("span", {}, text.interval(row.low, row.high)),
            ),
        },
        { head: "a", cell: (row) => brief(row.a) },
        { head: "b", cell: (row) => brief(row.b) },
      ],
      comparisons,
      { first: 12, what: "more comparisons" },
    );
  }

  // The name of the cell that a side of a comparison stands for.
  function named(row, side) {
    const { target, features } = filters.sideOf(side);
    return { model: row.model, variant: [row.variant, features].filter(Boolean).join(" "), target };
  }

  const key = ({ model, variant, target }) => JSON.stringify([model, variant, target]);

  function cellOf(row, side, at) {
    const cells = at.get(key(named(row, side))) ?? [];
    const { adapter } = filters.sideOf(side);
    return cells.find((cell) => cell.adapter_choice === (adapter ?? "default")) ?? cells[0];
  }

  function points(pair, at) {
    return pair.rows.flatMap((row) => {
      const [a, b] = [cellOf(row, row.a, at), cellOf(row, row.b, at)];
      if (!(a?.latency?.median > 0) || !(b?.latency?.median > 0)) return [];
      return [
        {
          x: a.latency.median,
          y: b.latency.median,
          group: inWords(row.verdict, row),
          label: text.named(row.model, row.variant),
          says: `${text.ratio(row.ratio)} (${text.interval(row.low, row.high)})`,
          case: b.case,
          cell: b,
        },
      ];
    });
  }

  function pairChart(pair, at) {
    const all = points(pair, at);
    if (all.length === 0) return null;
    const below = all.filter((point) => point.y < point.x).length;
    return charts.scatter({
      title: `${pair.a} against ${pair.b}`,
      says: `${text.count(all.length, "model")}; below the diagonal ${pair.b} takes less time: ${below}.`,
      points: all,
      x: pair.a,
      y: pair.b,
      square: 360,
      groups: Object.keys(LOOKS)
        .filter((verdict) => pair.rows.some((row) => row.verdict === verdict))
        .map((verdict) => ({ name: inWords(verdict, pair), look: LOOKS[verdict] })),
    });
  }

  function part(view, at, kind, title) {
    const rows = view.sweep.comparisons.filter(
      (row) => row.kind === kind && (view.has(named(row, row.a)) || view.has(named(row, row.b))),
    );
    if (rows.length === 0)
      return [
        el("h3", {}, title),
        el(
          "p",
          { class: "nothing" },
          view.filtered
            ? "No comparison fits the filters."
            : "There is nothing to compare: it takes two such targets that ran the same model right.",
        ),
      ];
    const found = pairs(rows);
    const sure = rows.filter((row) => row.verdict !== "not-sure").length;
    return [
      el("h3", {}, title),
      el(
        "p",
        {},
        `${text.count(rows.length, "comparison")}; ${sure === rows.length ? "all of them are sure" : `${text.count(rows.length - sure, "of them is", "of them are")} not sure`}. A ratio is b's time over a's, so above one a is faster; a mean ratio is the geometric mean over models.`,
      ),
      pairTable(`${title}: pairs of targets`, found),
      modelTable(
        `${title}: model by model`,
        [...rows].sort((one, other) => Math.abs(Math.log(other.ratio || 1)) - Math.abs(Math.log(one.ratio || 1))),
      ),
      some(
        found.filter((pair) => points(pair, at).length),
        (pair) => pairChart(pair, at),
        { first: 3, step: 6, holder: el("div", { class: "charts" }), what: "more charts" },
      ),
    ];
  }

  function render(view) {
    const at = d3.group(view.sweep.cells, key);
    return KINDS.flatMap(([kind, title]) => part(view, at, kind, title));
  }

  report.sections.push({ id: "faster", render });
})();
