// Colours of the page, then everything begins.
const dark = matchMedia("(prefers-color-scheme: dark)"), button = $("theme");
let theme = "auto";
const paint = () => {
  document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
  button.textContent = { auto: "Auto", light: "Light", dark: "Dark" }[theme];
  button.setAttribute("aria-label", `Colours: ${{ auto: "as the system", light: "light", dark: "dark" }[theme]}`);
  tell("theme");
};
button.addEventListener("click", () => { theme = { auto: "light", light: "dark", dark: "auto" }[theme]; paint(); });
dark.addEventListener("change", paint);
document.documentElement.dataset.theme = dark.matches ? "dark" : "light";
document.querySelector("main").classList.toggle("two", two);
startStages();
startPlayer();
startBirds();
startTimeline();
startDepth();
startPanel();
startEvents();
startDownload();
paint();
filter();
seek(1);
document.documentElement.dataset.ready = "yes";
