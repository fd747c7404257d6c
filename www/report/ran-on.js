// The section on what ran on what: CPUs in place of GPUs, other engines in place of those asked for, adapters, runs.
(() => {
  const report = window.parallaxReport;
  const { el, brief, text, table, caseLink } = report;

  const named = (cell) => caseLink(cell, brief(text.named(cell.model, cell.variant)));
  const nothing = (words) => el("p", { class: "nothing" }, words);

  function warned({ cells }) {
    const rows = cells.filter((cell) => cell.warned);
    if (rows.length === 0) return nothing("No case that asked for a GPU was given a CPU.");
    return table(
      "Asked for a GPU, and a CPU computed",
      [
        { head: "model", cell: named },
        { head: "target", cell: (cell) => brief(cell.target) },
        { head: "adapter", cell: (cell) => cell.adapter ?? "not named" },
        { head: "asked for", cell: (cell) => cell.adapter_choice },
      ],
      rows,
      { first: 10, what: "more cases" },
    );
  }

  const elsewhere = (cell) =>
    cell.fell_back || cell.nodes_elsewhere > 0 || (cell.actual_target && cell.actual_target !== cell.target);

  function fallbacks({ cells }) {
    const rows = cells.filter(elsewhere);
    if (rows.length === 0) return nothing("Every case ran on the engine that it names.");
    return table(
      "In part or wholly on another engine",
      [
        { head: "model", cell: named },
        { head: "target", cell: (cell) => brief(cell.target) },
        { head: "ran on", cell: (cell) => brief(cell.actual_target ?? text.NONE) },
        { head: "nodes elsewhere", number: true, cell: (cell) => String(cell.nodes_elsewhere) },
      ],
      rows,
      { first: 10, what: "more cases" },
    );
  }

  function adapters({ cells }) {
    const groups = d3.groups(
      cells.filter((cell) => cell.software !== null || cell.adapter),
      (cell) => cell.target,
      (cell) => JSON.stringify([cell.adapter, cell.software]),
    );
    const rows = groups.flatMap(([target, found]) =>
      found.map(([, its]) => ({ target, adapter: its[0].adapter, software: its[0].software, cells: its.length })),
    );
    if (rows.length === 0) return nothing("No case has told what adapter it ran on.");
    const kind = (software) => (software === null ? "not told" : software ? "° a CPU" : "a GPU");
    return table(
      "Adapters by target",
      [
        { head: "target", cell: (row) => brief(row.target) },
        { head: "adapter", cell: (row) => row.adapter ?? "not named" },
        { head: "what it is", cell: (row) => kind(row.software) },
        { head: "cases", number: true, cell: (row) => String(row.cells) },
      ],
      rows,
      { what: "more adapters" },
    );
  }

  const length = (run) =>
    run.finished_at ? text.time(new Date(run.finished_at) - new Date(run.started_at)) : "not finished";

  function runs({ sweep }) {
    if (sweep.runs.length === 0) return nothing("No run is stored.");
    const shard = (run) => (run.shards ? `${run.shard} of ${run.shards}` : text.NONE);
    const columns = [
      { head: "run", cell: (run) => el("code", {}, run.id.slice(0, 13)) },
      { head: "started", class: "line", cell: (run) => text.date(run.started_at) },
      { head: "took", number: true, cell: length },
      {
        head: "state",
        class: "words",
        cell: (run) => [run.state, run.message ? el("span", { class: "under" }, run.message) : null],
      },
      {
        head: "Parallax",
        cell: (run) => [run.version, run.commit ? el("span", { class: "under" }, run.commit.slice(0, 12)) : null],
      },
      {
        head: "machine",
        class: "line",
        cell: (run) => [run.host ?? "not named", el("span", { class: "under" }, run.os)],
      },
      { head: "shard", class: "line", cell: shard },
      { head: "command", class: "words", cell: (run) => (run.command ? el("code", {}, run.command) : text.NONE) },
    ];
    return table("Runs of this sweep", columns, sweep.runs, { what: "more runs" });
  }

  function leftOut({ sweep }) {
    if (sweep.left_out.length === 0) return null;
    return el(
      "div",
      {},
      el("h3", {}, "Left out to keep this page small"),
      el(
        "ul",
        {},
        sweep.left_out.map((words) => el("li", {}, words)),
      ),
    );
  }

  function render(view) {
    const ofCases = view.cells.length
      ? [warned(view), fallbacks(view), adapters(view)]
      : [nothing(view.filtered ? "No case fits the filters." : "This sweep has no cases.")];
    return [...ofCases, runs(view), leftOut(view)];
  }

  report.sections.push({ id: "ran-on", render });
})();
