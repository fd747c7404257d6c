// Waits until the page can take jobs. A driver may be done with a page before its module script is.
const done = arguments[0];
const deadline = performance.now() + 10000;
const look = () => {
  const page = globalThis.parallax;
  if (page !== undefined) {
    Promise.resolve(page.ready).then(() => done({}), (error) => done({ failed: String(error) }));
  } else if (performance.now() < deadline) {
    setTimeout(look, 20);
  } else {
    done({ failed: `${location.href} (${document.readyState}) set no globalThis.parallax` });
  }
};
look();
