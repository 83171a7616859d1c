// Draws every <figure data-chart>: its panels are JSON in data-panels. A figure that comes later, or another theme, is seen too.
// THEMES and vegaEmbed stand before this in the script.
const media = matchMedia("(prefers-color-scheme: dark)");
const isDark = () =>
  document.querySelector(".gradio-container") ? document.body.classList.contains("dark") : media.matches;
const views = new Map();

async function mount(figure) {
  const theme = isDark() ? "dark" : "light";
  if (figure.dataset.theme === theme) return;
  figure.dataset.theme = theme;
  (views.get(figure) || []).forEach((view) => view.finalize());
  const specs = JSON.parse(figure.dataset.panels);
  const places = figure.querySelectorAll(".panel");
  const options = { renderer: "svg", actions: false, config: THEMES[theme], mode: "vega-lite" };
  // On a phone no panel is higher than wide.
  const fitted = specs.map((spec, index) => ({ ...spec, height: Math.min(spec.height, places[index].clientWidth) }));
  views.set(figure, await Promise.all(fitted.map((spec, index) => vegaEmbed(places[index], spec, options))));
  figure.classList.add("mounted");
}

function mountAll() {
  for (const figure of views.keys()) {
    if (figure.isConnected) continue;
    views.get(figure).forEach((view) => view.finalize());
    views.delete(figure);
  }
  document.querySelectorAll("figure[data-chart]").forEach((figure) => mount(figure).catch(console.error));
}

let waiting = false;
const soon = () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; mountAll(); });
};
media.addEventListener("change", soon);
new MutationObserver(soon).observe(document.documentElement, {
  childList: true, subtree: true, attributes: true, attributeFilter: ["class"],
});
mountAll();
