// The table of earlier results, sorted, filtered and ticked in the browser: hundreds of rows answer at once.
// Gradio gives `element`, `trigger` and `watch`, and writes the table anew when results come: what was chosen is kept here.
const numbers = new Intl.NumberFormat('en');
const ticked = new Set();
let sorted = {column: null, up: false};
let whole = false;  // whether all rows are shown that fit, or the first of them

const all = (selector) => [...element.querySelectorAll(selector)];
const rows = () => all('tbody tr');
const headings = () => all('thead th');

function order() {
  const heads = headings();
  if (sorted.column === null) sorted.column = heads.findIndex((head) => head.hasAttribute('aria-sort'));
  heads.forEach((head, index) => index === sorted.column
    ? head.setAttribute('aria-sort', sorted.up ? 'ascending' : 'descending') : head.removeAttribute('aria-sort'));
  const numeric = heads[sorted.column].classList.contains('ranked');
  const by = (row) => row.cells[sorted.column].dataset.sort;
  const keyed = rows().map((row) => ({row, by: numeric && by(row) !== '' ? Number(by(row)) : by(row)}));
  const compare = (a, b) => numeric ? a - b : a < b ? -1 : Number(a > b);
  keyed.sort((a, b) => {
    if (a.by === '' || b.by === '') return (a.by === '') - (b.by === '');  // what has no value comes last, either way
    return sorted.up ? compare(a.by, b.by) : compare(b.by, a.by);
  });
  element.querySelector('tbody').append(...keyed.map(({row}) => row));
}

function filter() {
  const [model, ...exact] = all('[data-filter]').map((box) => [box.dataset.filter, box.value.trim()]);
  const more = element.querySelector('.more');
  const most = whole ? Infinity : Number(more.dataset.first);
  let found = 0;
  for (const row of rows()) {
    const fits = row.dataset.model.includes(model[1].toLowerCase())
      && exact.every(([name, value]) => value === '' || row.dataset[name] === value);
    found += fits;
    row.hidden = !fits || found > most;
  }
  more.hidden = found <= most;
  more.textContent = `Show all ${numbers.format(found)}`;
  const total = rows().length;
  const results = `${numbers.format(total)} result${total === 1 ? '' : 's'}.`;
  element.querySelector('.count').textContent = found === total ? results : `${numbers.format(found)} of ${results}`;
}

function tick() {
  const boxes = all('tbody input[type=checkbox]');
  const kept = new Set(boxes.map((box) => box.value));
  for (const key of ticked) if (!kept.has(key)) ticked.delete(key);
  for (const box of boxes) box.checked = ticked.has(box.value);
  const chosen = boxes.filter((box) => box.checked).map((box) => box.closest('tr').dataset.alike);
  const note = element.querySelector('.ticked');
  const most = Number(note.dataset.most);
  const alike = new Set(chosen).size <= 1;
  const fits = alike && chosen.length >= 2 && chosen.length <= most;
  element.querySelector('.compare').setAttribute('aria-disabled', String(!fits));
  note.textContent = chosen.length === 0 ? `Tick 2 to ${most} to compare them.`
    : !alike ? 'The ticked results are of different texts, budgets or metrics: tick results of one.'
    : chosen.length < 2 ? '1 ticked: tick another one of the same text, budget and metrics.'
    : chosen.length > most ? `${chosen.length} ticked: a comparison takes ${most} at the most.` : `${chosen.length} ticked.`;
}

function show() {
  if (!element.querySelector('tbody')) return;
  order();
  filter();
  tick();
}

element.addEventListener('click', (event) => {
  const head = event.target.closest('thead th');
  if (head && event.target.closest('button')) {
    const column = headings().indexOf(head);
    // A column begins with what is looked for first: the newest and the most collapsed, but names from A.
    sorted = {column, up: sorted.column === column ? !sorted.up : head.dataset.first === 'ascending'};
    order();
    filter();
  }
  if (event.target.closest('.more')) {
    whole = true;
    filter();
    element.querySelector('.scroll').focus();
  }
  const compare = event.target.closest('.compare');
  if (compare && compare.getAttribute('aria-disabled') === 'false') {
    // In the order in which they stand in the table.
    trigger('compare', {chosen: rows().map((row) => row.querySelector('input').value).filter((key) => ticked.has(key))});
  }
});
element.addEventListener('input', (event) => { if (event.target.dataset.filter) filter(); });
element.addEventListener('change', (event) => {
  if (event.target.type !== 'checkbox') return;
  ticked[event.target.checked ? 'add' : 'delete'](event.target.value);
  tick();
});
watch('value', show);
show();
