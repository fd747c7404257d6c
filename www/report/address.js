// What is shown, kept in the address behind `#`: a section, the filters, and the case that is open. So a view can be
// sent to someone, the back button works, and a page that was opened from a file can do it too.
//     index.html#matrix?model=bert&verdict=broken&case=c01
(() => {
  const report = window.parallaxReport;

  function parse(hash) {
    const text = hash.replace(/^#/, "");
    const cut = text.indexOf("?");
    const [section, query] = cut < 0 ? [text, ""] : [text.slice(0, cut), text.slice(cut + 1)];
    return { section, values: new Map(new URLSearchParams(query)) };
  }

  function format(section, values) {
    const query = new URLSearchParams([...values].filter(([, value]) => value !== "" && value !== null));
    return query.size ? `#${section}?${query}` : `#${section}`;
  }

  const now = () => parse(location.hash);

  // The address with some values changed; an empty one is taken out.
  function withValues(changes) {
    const { section, values } = now();
    for (const [name, value] of Object.entries(changes)) values.set(name, value ?? "");
    return format(section, values);
  }

  const caseAddress = (name) => withValues({ case: name });
  const sectionAddress = (section) => format(section, now().values);

  const listeners = [];
  const tell = () => listeners.forEach((listener) => listener(now()));
  addEventListener("popstate", tell);
  addEventListener("hashchange", tell);

  // `replace` where each letter typed would else be a step to go back by.
  function change(changes, { replace = false } = {}) {
    const address = withValues(changes);
    if (address === location.hash) return;
    if (replace) history.replaceState(history.state, "", address);
    else history.pushState({ ours: true }, "", address);
    tell();
  }

  // Takes back what `change` pushed where that is the newest step, so that closing leaves no trace behind.
  function undo(changes) {
    if (history.state?.ours) history.back();
    else change(changes, { replace: true });
  }

  report.address = { now, change, undo, caseAddress, sectionAddress, listen: (listener) => listeners.push(listener) };
})();
