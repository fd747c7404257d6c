// Tables: a caption, heads with their scope, and a box that scrolls where the table is wider than the page.
(() => {
  const report = window.parallaxReport;
  const { el } = report;

  // `columns`: [{ head, cell: (row) => text or element, number: true for figures }]; the first one heads its row.
  function row(columns, item) {
    return el(
      "tr",
      {},
      columns.map((column, index) => {
        const attributes = { class: column.number ? "number" : (column.class ?? null) };
        return index === 0
          ? el("th", { ...attributes, scope: "row" }, column.cell(item))
          : el("td", attributes, column.cell(item));
      }),
    );
  }

  function table(caption, columns, rows, { first = 25, hideCaption = false, what = "more rows" } = {}) {
    const heads = columns.map(({ head, number }) => el("th", { scope: "col", class: number ? "number" : null }, head));
    const body = el("tbody");
    const [, button] = report.some(rows, (item) => row(columns, item), { first, step: 100, holder: body, what });
    const made = el(
      "table",
      {},
      el("caption", { class: hideCaption ? "unseen" : null }, caption),
      el("thead", {}, el("tr", {}, heads)),
      body,
    );
    return el("div", { class: "tabled" }, scroller(caption, made), button);
  }

  // A box that scrolls can be scrolled by keyboard where it can have the focus, and says what it holds.
  function scroller(label, content) {
    return el("div", { class: "scroller", role: "region", tabindex: "0", "aria-label": label }, content);
  }

  // Pairs of a name and a value.
  const pairs = (entries) =>
    el(
      "dl",
      { class: "pairs" },
      entries.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
    );

  // The link to a cell's case, by the cell's names where there is no text for it.
  function caseLink(cell, text) {
    return el("a", { class: "case-link", href: report.address.caseAddress(cell.case), "data-case": cell.case }, text);
  }

  Object.assign(report, { table, scroller, pairs, caseLink });
})();
