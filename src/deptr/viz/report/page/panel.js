// Facts, filters and the table of identities, which says in numbers what the charts show.
const steady = (value) => (value === null ? "–" : `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`);
const COLUMNS = [
  ["id", "Id", (track) => track.id, null],
  ["first", "From", (track) => track.first, (track) => (data.timed ? `${secondOf(track.first).toFixed(1)} s` : track.first)],
  ["seconds", "For", (track) => track.seconds, (track) => (data.timed ? `${track.seconds.toFixed(1)} s` : track.last - track.first + 1)],
  ["gaps", "Gaps", (track) => track.summary.gaps, (track) => track.summary.gaps || "–"],
  ["depth", "Depth", (track) => track.summary.mean_depth ?? -1, (track) => (track.summary.mean_depth === null ? "–" : depthWords(track.summary.mean_depth))],
  ["noise", "Noise", (track) => track.summary.depth_noise ?? -1, (track) => steady(track.summary.depth_noise)],
  ["path", "Path", (track) => track.summary.path_metres ?? -1, (track) => (track.summary.path_metres === null ? "–" : `${track.summary.path_metres.toFixed(1)} m`)],
];
let sorting = { name: "id", down: false };
const columns = () => COLUMNS.filter(([name]) => (kind || !["depth", "noise", "path"].includes(name)) && (name !== "path" || all.some((track) => track.summary.path_metres !== null)));
const startPanel = () => {
  const fact = ([label, value]) => make("li", {}, `${label} `, make("b", { textContent: value }));
  const facts = (...items) => { const list = make("ul", { className: "facts" }, ...items); $("facts").append(list); return list; };
  const seconds = data.timed ? [["lasts", clock(secondOf(data.length))]] : [];
  const first = facts(...[["frames", data.length], ...seconds, ["size", data.size.join(" × ")]].map(fact));
  for (const run of runs) {
    const items = [["identities", run.tracks.length], ...run.facts].map(fact);
    if (two) facts(make("li", { className: "label", textContent: `${"AB"[run.index]}: ${run.label}` }), ...items); else first.append(...items);
  }
  const classes = [...new Set(all.map((track) => track.class))].sort();
  $("by-class").append(make("option", { value: "", textContent: "all" }), ...classes.map((name) => make("option", { value: name, textContent: name })));
  const choices = [["gap", "gaps"], ["switch", "switches"], ["differs", "differences"], ["alone", "parts only in one run"]];
  for (const [value, words] of choices) if (all.some((track) => hasEvent(track, value))) $("by-event").append(make("option", { value, textContent: words }));
  const form = $("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", readFilters);
  form.addEventListener("reset", () => setTimeout(readFilters));
  const head = make("tr");
  for (const [name, words] of columns()) {
    const button = make("button", { type: "button", textContent: words });
    const cell = make("th", { scope: "col" }, button);
    cell.dataset.name = name;
    if (name === "noise") button.title = "Standard deviation of the depth around its own path, as a share of the depth";
    button.addEventListener("click", () => { sorting = { name, down: sorting.name === name ? !sorting.down : name !== "id" && name !== "first" }; fillTable(); });
    head.append(cell);
  }
  document.querySelector("#table thead").append(head);
  on("filter theme", fillTable);
  on("choice", markRows);
};
const readFilters = () => {
  const ids = $("by-id"), wanted = idsOf(ids.value), wrong = ids.value.trim() !== "" && !wanted;
  ids.setAttribute("aria-invalid", wrong);
  ids.setCustomValidity(wrong ? "Numbers and ranges, such as 3, 7-9" : "");
  state.filters = { ids: wanted, class: $("by-class").value, seconds: Number($("by-length").value) || 0, event: $("by-event").value };
  filter();
};
const fillTable = () => {
  const [, , value] = COLUMNS.find(([name]) => name === sorting.name), sign = sorting.down ? -1 : 1;
  const rows = [...passing].sort((a, b) => sign * (value(a) - value(b)) || a.run.index - b.run.index || a.id - b.id);
  document.querySelectorAll("#table th").forEach((cell) => {
    if (cell.dataset.name === sorting.name) cell.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  });
  document.querySelector("#table tbody").replaceChildren(...rows.map((track) => {
    const row = make("tr", { dataset: { key: track.key } });
    for (const [name, , , words] of columns()) row.append(make("td", {}, name === "id" ? idButton(track) : String(words(track))));
    return row;
  }));
  $("count").textContent = passing.size === all.length ? `${all.length}` : `${passing.size} of ${all.length}`;
  markRows();
};
const markRows = () => document.querySelectorAll("#table tbody tr").forEach((row) => {
  const chosen = state.chosen.has(row.dataset.key);
  row.classList.toggle("chosen", chosen);
  row.querySelector(".id").setAttribute("aria-pressed", chosen);
});
