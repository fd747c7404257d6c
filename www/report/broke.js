// The section on what broke: failures that say the same thing stand together, the largest group first.
(() => {
  const report = window.parallaxReport;
  const { el, name, some, text, verdicts, caseLink, address } = report;

  // Two messages say the same where they differ in numbers alone.
  const gist = (message) => (message ?? "").replace(/\d+(\.\d+)?(e[-+]?\d+)?/gi, "#");

  function groups(cells) {
    const found = new Map();
    for (const cell of cells) {
      const key = `${cell.verdict} ${gist(cell.message)}`;
      if (!found.has(key)) found.set(key, []);
      found.get(key).push(cell);
    }
    return [...found.values()].sort((a, b) => b.length - a.length);
  }

  const distinct = (values) => new Set(values).size;

  const link = (cell) =>
    el("li", {}, caseLink(cell, [name(text.named(cell.model, cell.variant)), " on ", name(cell.target)]));

  function group(cells) {
    const [first] = cells;
    const same = cells.every((cell) => cell.message === first.message);
    const where = `${text.count(cells.length, "case")}, ${text.count(distinct(cells.map((cell) => cell.model)), "model")}, ${text.count(distinct(cells.map((cell) => cell.target)), "target")}`;
    return el(
      "article",
      { class: "group" },
      el("header", {}, verdicts.badge(first.verdict), el("span", { class: "quiet" }, where)),
      el("p", { class: "message" }, first.message ?? `no message: ${verdicts.of(first.verdict).says}`),
      same ? null : el("p", { class: "quiet" }, "The others differ in numbers only."),
      some(cells, link, { first: 6, step: 60, holder: el("ul", { class: "links" }), what: "more cases" }),
    );
  }

  const listed = (cells, what) =>
    some(groups(cells), group, { first: 6, step: 20, holder: el("div", { class: "groups" }), what });

  // How many ended how; each count filters.
  function tally({ cells }) {
    const counts = new Map();
    for (const { verdict } of cells) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
    const order = [
      ...verdicts.ORDER.filter((verdict) => counts.has(verdict)),
      ...[...counts.keys()].filter((verdict) => !verdicts.ORDER.includes(verdict)),
    ];
    const part = (verdict) =>
      el(
        "li",
        {},
        el(
          "button",
          {
            type: "button",
            onclick: () => address.change({ verdict }),
            title: `Show these only: ${verdicts.of(verdict).says}`,
          },
          el("b", {}, counts.get(verdict).toLocaleString("en")),
          " ",
          verdicts.badge(verdict),
        ),
      );
    return el("ul", { class: "tally", "aria-label": "Cases by verdict" }, order.map(part));
  }

  function lacking(cells) {
    if (cells.length === 0) return null;
    const details = el(
      "details",
      { class: "fold" },
      el("summary", {}, `Not possible here: ${text.count(cells.length, "case")} that a target lacks something for`),
    );
    details.addEventListener(
      "toggle",
      () => details.children.length === 1 && details.append(...listed(cells, "more reasons")),
    );
    return details;
  }

  function flaky(cells) {
    if (cells.length === 0) return null;
    return el(
      "div",
      {},
      el("h3", {}, "Passed only when tried again"),
      some(cells, link, { first: 12, holder: el("ul", { class: "links" }), what: "more cases" }),
    );
  }

  function render(view) {
    const of = (kind) => view.cells.filter((cell) => verdicts.of(cell.verdict).kind === kind);
    const broken = of("broken");
    if (view.cells.length === 0)
      return [el("p", { class: "nothing" }, view.filtered ? "No case fits the filters." : "This sweep has no cases.")];
    return [
      tally(view),
      broken.length
        ? listed(broken, "more messages")
        : el("p", { class: "nothing" }, "Nothing broke: every case that could run gave the right outputs."),
      lacking(of("lacking")),
      flaky(view.cells.filter((cell) => cell.flaky)),
    ];
  }

  report.sections.push({ id: "broke", render });
})();
