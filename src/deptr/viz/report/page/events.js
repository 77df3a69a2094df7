// What happened, as a list to jump from: switches, differences, identities found again; scores above it.
const KINDS = { switch: "Switches", differs: "Differences", found: "Found again" };
const FIGURES = ["HOTA", "AssA", "DetA", "IDF1", "MOTA", "IDSW"];
const startEvents = () => {
  const every = runs.flatMap((run) => run.events);
  if (runs.some((run) => run.scores)) {
    const head = make("tr", {}, make("th", { scope: "col" }, make("span", { className: "unseen", textContent: "Run" })), ...FIGURES.map((name) => make("th", { scope: "col", textContent: name })));
    const rows = runs.map((run) => make("tr", {}, make("th", { scope: "row", textContent: two ? "AB"[run.index] : "all" }), ...FIGURES.map((name) => make("td", { textContent: name === "IDSW" ? run.scores[name] : run.scores[name].toFixed(1) }))));
    $("scores").append(make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
  }
  for (const [name, words] of Object.entries(KINDS)) {
    const count = every.filter((event) => event.kind === name).length;
    if (!count) continue;
    const chip = make("button", { type: "button", textContent: `${words} ${count}` });
    chip.setAttribute("aria-pressed", "true");
    chip.addEventListener("click", () => { state.kinds[name] = !state.kinds[name]; chip.setAttribute("aria-pressed", state.kinds[name]); tell("kinds"); draw(); });
    $("kinds").append(chip);
  }
  on("filter kinds", fillEvents);
};
const fillEvents = () => {
  const shown = eventsShown();
  $("what-note").textContent = shown.length ? `${shown.length}` : "";
  $("events").replaceChildren(...shown.slice(0, 1000).map((event) => {
    const words = make("span", { textContent: event.told });
    if (two) words.append(make("small", { textContent: `in ${"AB"[event.run.index]}: ${event.run.label}` }));
    if (event.alone) words.append(make("span", { className: "only", textContent: "only in this run" }));
    const button = make("button", { type: "button" }, make("time", { textContent: data.timed ? clock(secondOf(event.frame)) : event.frame }), words);
    button.addEventListener("click", () => {
      const track = event.run.byId.get(event.after);
      setPlaying(false);
      if (track && !isChosen(track)) choose(track);
      seek(event.frame);
    });
    return make("li", {}, button);
  }));
  if (!shown.length) $("events").replaceChildren(make("li", { className: "empty", textContent: "Nothing of this kind." }));
};
