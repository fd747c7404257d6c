// The one global of the page: what its scripts offer each other, and where the data files hand over what they hold.
// Data comes by script elements alone, since a page that was opened from a file may fetch nothing.

window.parallaxReport = (() => {
  let sweepData = null;
  let failure = null;
  const caseData = new Map();
  let again = 0;

  // The server's data changes under the same address: a query gets past what the browser keeps. Files need none.
  const address = (path) => (again ? `${path}?again=${again}` : path);

  function load(path) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = address(path);
      script.addEventListener("load", () => {
        script.remove();
        const said = failure;
        failure = null;
        if (said === null) resolve();
        else reject(new Error(said));
      });
      script.addEventListener("error", () => {
        script.remove();
        reject(new Error(`${path} cannot be read: it belongs beside this page, in its folder data`));
      });
      document.head.append(script);
    });
  }

  async function loadSweep() {
    await load("data/sweep.js");
    if (!sweepData) throw new Error("data/sweep.js holds no sweep: make the report once more");
    return sweepData;
  }

  async function loadCase(name) {
    if (!caseData.has(name)) await load(`data/case-${encodeURIComponent(name)}.js`);
    if (!caseData.has(name)) throw new Error(`data/case-${name}.js holds another case: make the report once more`);
    return caseData.get(name);
  }

  // All that was loaded may be old: what is loaded next is loaded anew.
  function forget() {
    again += 1;
    caseData.clear();
  }

  return {
    sweep: (data) => (sweepData = data),
    case: (name, data) => caseData.set(name, data),
    // A server that has nothing to hand over says why.
    failed: (why) => (failure = why),
    loadSweep,
    loadCase,
    forget,
    sections: [],
  };
})();
