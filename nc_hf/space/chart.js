// Draws every `<figure data-chart>` of its element, in the colours of the theme; Gradio gives `element` and `watch`.
let views = [];

function loaded() {
  window.nc_hf_vega ??= new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.type = 'module';  // its names are its own
    script.src = library;
    script.onload = resolve;
    script.onerror = () => reject(new Error('The library that draws did not come: load the page again.'));
    document.head.append(script);
  });
  return window.nc_hf_vega;
}

function look() {
  const style = getComputedStyle(document.body);
  const ink = style.getPropertyValue('--body-text-color').trim();
  const soft = style.getPropertyValue('--body-text-color-subdued').trim();
  const line = style.getPropertyValue('--border-color-primary').trim();
  const text = {labelColor: soft, titleColor: ink, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 400};
  return {
    background: 'transparent', font: style.fontFamily, text: {color: ink, fontSize: 13},
    axis: {...text, gridColor: line, domainColor: line, tickColor: line}, legend: {...text, labelColor: ink},
    view: {stroke: null},
  };
}

async function draw() {
  const figures = [...element.querySelectorAll('figure[data-chart]')];
  if (figures.length) await loaded();
  for (const view of views.splice(0)) view.finalize();
  for (const figure of figures) {
    figure.querySelector('.drawn')?.remove();
    const place = document.createElement('div');
    place.className = 'drawn';
    place.style.width = '100%';
    figure.append(place);
    const description = figure.querySelector('figcaption').textContent;
    const spec = {...JSON.parse(figure.dataset.chart), description, autosize: {type: 'fit-x', contains: 'padding'}};
    const dark = document.body.classList.contains('dark');
    views.push(await window.vegaEmbed(place, spec, {
      mode: 'vega-lite', renderer: 'svg', actions: false, config: look(), tooltip: {theme: dark ? 'dark' : 'light'},
    }));
  }
}

// One after another: two at once would leave two drawings in one figure.
let drawing = Promise.resolve();
const redraw = () => { drawing = drawing.then(draw).catch((fault) => { element.dataset.fault = String(fault); }); };
new MutationObserver(redraw).observe(document.body, {attributeFilter: ['class']});
watch('value', redraw);
redraw();
