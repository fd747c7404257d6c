// Waits until the page can take jobs.
const done = arguments[0];
const page = globalThis.parallax;
if (page === undefined) {
  done({ failed: "it set no globalThis.parallax" });
} else {
  Promise.resolve(page.ready).then(() => done({}), (error) => done({ failed: String(error) }));
}
