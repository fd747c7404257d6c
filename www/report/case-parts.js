// The parts of a case's view, each made from what the case's file holds; one that has nothing to show is left out.
(() => {
  const report = window.parallaxReport;
  const { el, name, text, table, pairs, charts, verdicts } = report;

  const HEADING = "h4";
  const part = (title, ...children) => el("section", { class: "case-part" }, el("h3", {}, title), ...children);

  const dimensions = (cell) =>
    Object.entries(cell.dimensions)
      .map(([axis, extent]) => `${axis}=${extent}`)
      .join(", ");

  function summary(cell) {
    const latency = cell.latency
      ? `${text.time(cell.latency.median)}, 95 % interval ${text.timeInterval(cell.latency)}, of ${text.count(cell.latency.n, "sample")}`
      : null;
    const software = cell.software === null ? "" : cell.software ? ", a CPU" : ", a GPU";
    return pairs(
      [
        ["latency", latency],
        ["first inference", cell.first_ms === null ? null : text.time(cell.first_ms)],
        [
          "error against the reference",
          cell.max_error === null
            ? null
            : `${text.error(cell.max_error)} where ${text.error(cell.tolerance)} is allowed`,
        ],
        ["ran on", cell.actual_target && cell.actual_target !== cell.target ? cell.actual_target : null],
        [
          "adapter",
          cell.adapter ? `${cell.adapter}${software}` : cell.software === null ? null : `not named${software}`,
        ],
        ["adapter asked for", cell.adapter_choice],
        ["model family", [cell.family, cell.modality].filter(Boolean).join(", ")],
        ["precision", cell.precision],
        ["batch", String(cell.batch)],
        ["dimensions", dimensions(cell)],
        ["switched off", cell.features_off],
        ["tokens per second", cell.tokens_per_s === null ? null : text.digits(cell.tokens_per_s)],
        ["energy of an inference", cell.energy_j === null ? null : `${text.digits(cell.energy_j)} J`],
      ].filter(([, value]) => value),
    );
  }

  // A button that copies a text; where the browser refuses, the text is selected instead.
  function copyButton(label, read, source) {
    const said = el("span", { role: "status", class: "quiet" });
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(read());
        said.textContent = "Copied.";
      } catch {
        if (source) getSelection().selectAllChildren(source);
        said.textContent = source
          ? "Selected: copy it with Ctrl+C."
          : "The browser does not allow it: copy the address.";
      }
    };
    return [el("button", { type: "button", onclick: copy }, label), said];
  }

  function command({ command: line }) {
    const code = el("code", {}, line);
    return part(
      "Run it again",
      el("pre", { class: "command", tabindex: "0" }, code),
      el(
        "p",
        { class: "copy" },
        copyButton("Copy the command", () => line, code),
      ),
    );
  }

  function samples({ series }) {
    const groups = d3.group(
      series.filter((one) => one.values.length),
      (one) => one.metric,
    );
    if (groups.size === 0) return part("Samples", el("p", { class: "nothing" }, "No sample was taken."));
    return part(
      "Samples",
      [...groups].map(([metric, its]) => charts.samples(metric, its, HEADING)),
    );
  }

  function metrics({ metrics: rows }) {
    if (rows.length === 0) return null;
    const interval = (row) =>
      !text.isInterval(row)
        ? text.NONE
        : `${text.quantity(row.metric, row.low)} to ${text.quantity(row.metric, row.high)}`;
    return part(
      "Measurements",
      table(
        "Measurements",
        [
          { head: "metric", cell: (row) => text.metricName(row.metric) },
          { head: "median", number: true, cell: (row) => text.quantity(row.metric, row.median) },
          { head: "95 % interval", number: true, cell: interval },
          { head: "samples", number: true, cell: (row) => row.n.toLocaleString("en") },
        ],
        rows,
        { hideCaption: true, first: 40 },
      ),
    );
  }

  function checks({ checks: rows, cell }) {
    if (rows.length === 0) return null;
    const infinite = (value) => (value === null ? "∞ or not a number" : text.error(value));
    return part(
      "Outputs against the reference",
      el("p", { class: "quiet" }, `Allowed: ${text.error(cell.tolerance)} of the scale around a value.`),
      table(
        "Outputs against the reference",
        [
          { head: "output", cell: (row) => name(row.output) },
          {
            head: "verdict",
            class: "words",
            cell: (row) =>
              row.fault
                ? [verdicts.badge("mismatch"), el("span", { class: "under" }, row.fault)]
                : verdicts.badge("pass"),
          },
          { head: "largest error", number: true, cell: (row) => infinite(row.max_abs_error) },
          { head: "in terms of the scale", number: true, cell: (row) => infinite(row.scaled_error) },
          { head: "mean error", number: true, cell: (row) => infinite(row.mean_abs_error) },
          {
            head: "cosine similarity",
            number: true,
            cell: (row) => (row.cosine_similarity === null ? text.NONE : row.cosine_similarity.toFixed(6)),
          },
          { head: "at", cell: (row) => row.at },
          { head: "elements", number: true, cell: (row) => row.elements.toLocaleString("en") },
        ],
        rows,
        { hideCaption: true },
      ),
    );
  }

  function elsewhere({ elsewhere: rows }) {
    if (rows.length === 0) return null;
    return part(
      "Nodes that ran elsewhere",
      table(
        "Nodes that ran elsewhere",
        [
          { head: "node", cell: (row) => name(row.node) },
          { head: "operator", cell: (row) => row.operator },
          { head: "engine", cell: (row) => row.engine },
          { head: "why", class: "words", cell: (row) => row.reason },
        ],
        rows,
        { hideCaption: true },
      ),
    );
  }

  function kernels({ kernels: rows }) {
    return rows.length
      ? part("Operators by GPU time", charts.kernels("Kernels of the newest profile", rows, HEADING))
      : null;
  }

  function history({ history: its }) {
    return its && its.points.length > 1
      ? part("History", charts.history("Median latency of earlier sweeps", its, HEADING))
      : null;
  }

  function attempts({ attempts: rows }) {
    if (rows.length < 2) return null;
    return part(
      "Attempts",
      el(
        "ol",
        { class: "attempts" },
        rows.map((row) =>
          el(
            "li",
            {},
            verdicts.badge(row.verdict),
            " ",
            text.date(row.at),
            row.message ? el("p", { class: "message" }, row.message) : null,
          ),
        ),
      ),
    );
  }

  function notes({ notes: words }) {
    return words.length
      ? part(
          "To be known",
          el(
            "ul",
            {},
            words.map((line) => el("li", {}, line)),
          ),
        )
      : null;
  }

  function facts({ facts: rows, key }) {
    return part("Versions, flags and preferences", pairs([...rows, ["case key", key]]));
  }

  report.caseParts = {
    summary,
    copyButton,
    all: [notes, command, samples, metrics, checks, elsewhere, kernels, history, attempts, facts],
  };
})();
