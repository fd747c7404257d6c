// What a served page hears while a sweep runs: how far it is, and that there is something new to show.
(() => {
  const report = window.parallaxReport;
  const { text } = report;

  const status = document.getElementById("status");
  const say = (words) => {
    if (status.textContent !== words) status.textContent = text.visible(words);
  };

  function progressWords({ done, all, failed, now, left_ms: left }) {
    const parts = [`A sweep is running: ${done} of ${all} cases done`];
    if (failed) parts.push(`${failed} broke`);
    if (now) parts.push(`now ${now}`);
    if (left > 0) parts.push(`about ${text.time(left)} left`);
    return `${parts.join(", ")}.`;
  }

  // News that come while the page is being drawn are answered by one more look, however many they are.
  function oneAtATime(act) {
    let running = false;
    let again = false;
    return async () => {
      again = true;
      if (running) return;
      running = true;
      while (again) {
        again = false;
        await act();
      }
      running = false;
    };
  }

  function listen(look) {
    const events = new EventSource("events");
    const changed = () => {
      report.forget();
      look();
    };
    let lost = false;
    events.addEventListener("progress", (event) => say(progressWords(JSON.parse(event.data))));
    events.addEventListener("changed", changed);
    events.addEventListener("idle", () => say(""));
    events.addEventListener("error", () => {
      lost = true;
      say("parallax serve does not answer: the page shows what it had before.");
    });
    events.addEventListener("open", () => {
      if (!lost) return;
      lost = false;
      say("");
      changed();
    });
  }

  // The first look at the data, and one more at each news where the page is served. What goes wrong is said, and what
  // was shown before stays; where there is no sweep yet, the news that there is one brings it.
  function start(load) {
    let failed = null;
    const tried = async () => {
      try {
        await load();
        if (failed === status.textContent) say("");
      } catch (error) {
        say(error.message);
        failed = status.textContent;
      }
    };
    const look = oneAtATime(tried);
    if (document.documentElement.dataset.served !== undefined) listen(look);
    look();
  }

  report.live = { start };
})();
