// Hands the page one job and waits for its outcome.
const [job, done] = arguments;
globalThis.parallax.run(job).then((outcome) => done({ outcome }), (error) => done({ failed: String(error) }));
